"""Streams that are never silent, and several answers at the same time."""
import http.client
import json
import re
import subprocess
import time

from harness import ENDLESS, QUESTION, Options, Server, WithServer, client, metrics, post


class Stream:
    """A streamed request on a socket: its status, and its lines as they come."""

    def __init__(self, server, path, body):
        self.connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        self.start = time.monotonic()
        self.connection.request("POST", path, json.dumps({"stream": True, **body}), {"Content-Type": "application/json"})
        self.response = self.connection.getresponse()
        self.seconds = time.monotonic() - self.start

    def lines(self):
        while line := self.response.readline():
            yield line.decode().rstrip("\n")

    def close(self):
        self.connection.close()


def data(line):
    return json.loads(line.removeprefix("data: ")) if line.startswith("data: {") else {}


class Silence(WithServer):
    arguments = ("--sessions", "1")

    def test_pings_in_the_line(self):
        for path, body in [("/v1/chat/completions", {"messages": QUESTION}), ("/v1/completions", {"prompt": "Once"})]:
            running = self.chat(stream=True, max_tokens=7000, n=8, logit_bias=ENDLESS)
            next(iter(running))
            stream = Stream(self.server, path, {"max_tokens": 2, **body})
            self.assertEqual(stream.response.status, 200)
            self.assertLess(stream.seconds, 5)
            lines = stream.lines()
            self.assertEqual([next(lines) for _ in range(4)], [": ping", "", ": ping", ""])
            self.assertLess(time.monotonic() - stream.start, 12)
            stream.close()
            running.close()
        running = self.chat(stream=True, max_tokens=7000, n=8, logit_bias=ENDLESS)
        next(iter(running))
        # What cannot be done is refused at once, behind whomever it stands.
        start = time.monotonic()
        for body in [
            {"messages": QUESTION * 5000}, {"messages": [{"role": "user", "content": "ball " * 9000}]},
            {"messages": QUESTION, "grammar": "root ::= nothing"},
            {"messages": QUESTION, "response_format": {"type": "json_schema", "json_schema": {"schema": {"$ref": "#/no"}}}},
        ]:
            for stream in [False, True]:
                self.assertEqual(post(self.server, "/v1/chat/completions", {**body, "stream": stream})[0], 400)
        self.assertLess(time.monotonic() - start, 30)
        waiting = Stream(self.server, "/v1/chat/completions", {"messages": QUESTION, "max_tokens": 2})
        running.close()
        self.assertEqual([line for line in waiting.lines() if line][-1], "data: [DONE]")

    def test_a_long_prompt(self):
        stream = Stream(self.server, "/v1/completions", {"prompt": "Once upon a time there was a ball. " * 700, "max_tokens": 1})
        last, gap = stream.start, 0
        for _ in stream.lines():
            gap, last = max(gap, time.monotonic() - last), time.monotonic()
        self.assertLess(gap, 6)

    def test_progress(self):
        text = ("A ball rolls down the hill. " * 60).strip()
        known = self.client.completions.create(model=self.name, prompt=text, max_tokens=1).usage.prompt_tokens
        for path, body in [
            ("/v1/completions", {"prompt": text + " Then it stops." * 100}),
            ("/v1/chat/completions", {"messages": [{"role": "user", "content": text * 3}]}),
        ]:
            chunks = [data(line) for line in Stream(self.server, path, {"return_progress": True, "max_tokens": 1, **body}).lines()]
            found = [chunk["prompt_progress"] for chunk in chunks if "prompt_progress" in chunk]
            self.assertGreater(len(found), 1)
            processed = [entry["processed"] for entry in found]
            self.assertEqual(processed, sorted(processed))
            for entry in found:
                self.assertEqual(sorted(entry), ["cache", "processed", "time_ms", "total"])
                self.assertEqual((entry["total"], entry["cache"]), (found[0]["total"], processed[0]))
            self.assertEqual(processed[-1], found[0]["total"])
            self.assertEqual(processed[0], known if "prompt" in body else 0)
            plain = Stream(self.server, path, {"max_tokens": 1, **body})
            self.assertFalse([line for line in plain.lines() if "prompt_progress" in line])


def least_memory():
    """So much that a session fits, and hardly another beside it."""
    refusal = subprocess.run(
        [Options.program, "serve", Options.model, "--port", "0", "--context", "128", "--memory", "1MiB"], capture_output=True, text=True)
    return re.search(r"needs (\d+MiB)", refusal.stderr).group(1)


class Together(WithServer):
    """Choices of a prompt advance at the same time; each has the bits that it has alone."""

    def options(self, **options):
        return {"temperature": 1, "max_tokens": 20, "extra_body": {"dry_multiplier": 0.8, "mirostat": 2}, **options}

    def test_choices_are_those_that_are_generated_alone(self):
        alone = [self.chat(**self.options(seed=seed)).choices[0].message.content for seed in range(40, 46)]
        before = metrics(self.server)
        several = self.chat(**self.options(seed=40, n=6))
        self.assertEqual([choice.message.content for choice in several.choices], alone)
        self.assertEqual(several.usage.prompt_tokens, self.chat(**self.options(seed=40)).usage.prompt_tokens)
        after = metrics(self.server)
        passes, sequences = (after[name] - before[name] for name in ["jamba_passes_total", "jamba_pass_sequences_total"])
        self.assertGreater(sequences, passes, "no choices shared a pass")
        texts = [""] * 6
        for chunk in self.chat(**self.options(seed=40, n=6, stream=True)):
            texts[chunk.choices[0].index] += chunk.choices[0].delta.content or ""
        self.assertEqual(texts, alone)
        for arguments in [("--sessions", "1"), ("--context", "128", "--memory", least_memory())]:
            with Server(Options.program, Options.model, *arguments) as server:
                answer = client(server).chat.completions.create(model="demo", messages=QUESTION, **self.options(seed=40, n=6))
                self.assertEqual([choice.message.content for choice in answer.choices], alone, arguments)

    def test_choices_of_several_prompts(self):
        prompts = ["Once upon a time", "The ball is"]
        answer = self.client.completions.create(model=self.name, prompt=prompts, n=2, temperature=1, seed=7, max_tokens=5)
        self.assertEqual([choice.index for choice in answer.choices], [0, 1, 2, 3])
        for index, choice in enumerate(answer.choices):
            alone = self.client.completions.create(
                model=self.name, prompt=prompts[index // 2], temperature=1, seed=7 + index % 2, max_tokens=5)
            self.assertEqual(choice.text, alone.choices[0].text)

    def test_choices_of_a_form(self):
        answer = self.chat(n=3, temperature=1, seed=1, extra_body={"grammar": 'root ::= "yes" | "no"'})
        for choice in answer.choices:
            self.assertIn(choice.message.content, ["yes", "no"])
