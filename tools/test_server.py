"""Tests `jamba serve` with OpenAI's Python package and with raw sockets.

    python tools/test_server.py PROGRAM MODEL [unittest's arguments]

MODEL is the demo model. Needs `pip install openai`. What the server answers is compared with what the other commands of
the program compute.
"""
import concurrent.futures
import json
import math
import os
import socket
import struct
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.error
import urllib.request

import openai

from server_process import Server

PROGRAM, MODEL = sys.argv[1:3]
REPOSITORY = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
THINKING = REPOSITORY + "/Tests/JambaTemplateTests/Fixtures/chatml_think.jinja"
# The demo's template, with calls.
CALLING = """{{- bos_token }}{%- if tools %}{{- '<|bom|><|system|>' + tools | tojson + '<|eom|>' }}{%- endif %}
{%- for message in messages %}{{- '<|bom|><|' + message.role + '|>' + message.content }}
{%- for call in message.tool_calls or [] %}{{- '<tool_call>' + call.function | tojson + '</tool_call>' }}{%- endfor %}
{{- '<|eom|>' }}{%- endfor %}{%- if add_generation_prompt %}{{- '<|bom|><|assistant|>' }}{%- endif %}"""
QUESTION = [{"role": "user", "content": "Tell me a story about a red ball."}]
# The demo's tokens that end an answer.
ENDLESS = {"2": -100, "5": -100}
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather", "description": "The weather of a place.",
        "parameters": {
            "type": "object", "properties": {"place": {"type": "string", "maxLength": 12}, "days": {"enum": [1, 2, 3]}},
            "required": ["place", "days"], "additionalProperties": False,
        },
    },
}
CLOCK = {
    "type": "function",
    "function": {"name": "get_time", "parameters": {"type": "object", "properties": {}, "additionalProperties": False}},
}


def jamba(*arguments):
    return subprocess.run([PROGRAM, *arguments], check=True, capture_output=True, text=True).stdout


def prompt_tokens(text):
    """The tokens of the demo's template for one message."""
    marked = f"<|startoftext|><|bom|><|user|>{text}<|eom|><|bom|><|assistant|>"
    return json.loads(jamba("tokenize", MODEL, marked))["ids"]


def client(server, **options):
    return openai.OpenAI(base_url=server.url + "/v1", api_key=options.pop("api_key", "none"), max_retries=0, timeout=60, **options)


def exchange(server, data, seconds=10):
    """Sends bytes and reads until the server closes or says nothing more."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=seconds) as connection:
        try:
            connection.sendall(data)
        except OSError:
            pass
        answer = b""
        try:
            while True:
                part = connection.recv(65536)
                if not part:
                    break
                answer += part
                head, _, body = answer.partition(b"\r\n\r\n")
                for line in head.split(b"\r\n"):
                    if line.lower().startswith(b"content-length:") and len(body) >= int(line.split(b":")[1]):
                        return answer
        except OSError:
            pass
        return answer


def post(server, path, body, **headers):
    """Status and JSON of a request without the package's help."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    request = urllib.request.Request(server.url + path, data, {"Content-Type": "application/json", **headers})
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def metrics(server):
    with urllib.request.urlopen(server.url + "/metrics", timeout=10) as response:
        lines = response.read().decode().splitlines()
    return {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1]) for line in lines if not line.startswith("#")}


def wait_until(condition, seconds=20):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise AssertionError("it did not come to pass")
        time.sleep(0.02)


class WithServer(unittest.TestCase):
    arguments = ()

    @classmethod
    def setUpClass(cls):
        cls.server = Server(PROGRAM, MODEL, *cls.arguments)
        cls.client = client(cls.server)
        cls.name = cls.client.models.list().data[0].id

    @classmethod
    def tearDownClass(cls):
        status = cls.server.stop()
        if status != 0:
            raise AssertionError(f"the server ended with status {status}: {cls.server.lines}")

    def chat(self, messages=QUESTION, **options):
        options = {"temperature": 0, "max_tokens": 24, **options}
        return self.client.chat.completions.create(model=self.name, messages=messages, **options)

    def assertRefused(self, kind, code, parameter=None, **options):
        with self.assertRaises(kind) as caught:
            self.chat(**options)
        self.assertEqual(caught.exception.code, code, caught.exception)
        if parameter:
            self.assertEqual(caught.exception.param, parameter, caught.exception)


class Answers(WithServer):
    def test_models(self):
        model = self.client.models.retrieve(self.name)
        self.assertEqual(model.object, "model")
        facts = model.model_extra["jamba"]
        self.assertGreater(facts["context"], 0)
        self.assertEqual(facts["parameters_bytes"], os.path.getsize(MODEL))
        with self.assertRaises(openai.NotFoundError):
            self.client.models.retrieve("another")

    def test_chat_is_what_generate_computes(self):
        tokens = prompt_tokens(QUESTION[0]["content"])
        alone = json.loads(jamba("generate", MODEL, "--tokens", ",".join(map(str, tokens)), "-n", "24", "--json"))
        answer = self.chat()
        self.assertEqual(answer.choices[0].message.content, alone["text"].lstrip())
        self.assertEqual(answer.choices[0].finish_reason, alone["finish_reason"])
        self.assertEqual(answer.usage.prompt_tokens, len(tokens))
        self.assertEqual(answer.usage.completion_tokens, len(alone["tokens"]))

    def test_stream(self):
        whole = self.chat(temperature=0.8, seed=5)
        chunks = list(self.chat(temperature=0.8, seed=5, stream=True, stream_options={"include_usage": True}))
        text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
        self.assertEqual(text, whole.choices[0].message.content)
        self.assertEqual(chunks[0].choices[0].delta.role, "assistant")
        self.assertEqual(chunks[-2].choices[0].finish_reason, whole.choices[0].finish_reason)
        self.assertEqual(chunks[-1].choices, [])
        self.assertEqual(chunks[-1].usage.completion_tokens, whole.usage.completion_tokens)
        self.assertGreater(chunks[-1].model_extra["timings"]["predicted_tokens_per_second"], 0)
        self.assertIsNone(chunks[0].usage)

    def test_seed_and_n(self):
        two = self.chat(temperature=1, seed=3, n=2)
        again = self.chat(temperature=1, seed=3)
        self.assertEqual([choice.index for choice in two.choices], [0, 1])
        self.assertEqual(two.choices[0].message.content, again.choices[0].message.content)
        self.assertNotEqual(two.choices[0].message.content, two.choices[1].message.content)
        self.assertEqual(two.usage.prompt_tokens, again.usage.prompt_tokens)
        streamed = ["", ""]
        for chunk in self.chat(temperature=1, seed=3, n=2, stream=True):
            streamed[chunk.choices[0].index] += chunk.choices[0].delta.content or ""
        self.assertEqual(streamed, [choice.message.content for choice in two.choices])

    def test_stop_and_length(self):
        whole = self.chat().choices[0]
        self.assertEqual(whole.finish_reason, "length")
        stop = whole.message.content[10:14]
        cut = self.chat(stop=[stop, "never said"]).choices[0]
        self.assertEqual(cut.finish_reason, "stop")
        self.assertEqual(cut.message.content, whole.message.content[: whole.message.content.index(stop)])

    def test_log_probabilities_are_those_of_the_logits(self):
        tokens = prompt_tokens(QUESTION[0]["content"])
        with tempfile.TemporaryDirectory() as folder:
            path = folder + "/logits.safetensors"
            jamba("logits", MODEL, "--tokens", ",".join(map(str, tokens)), "--output", path)
            with open(path, "rb") as file:
                content = file.read()
        size = struct.unpack("<Q", content[:8])[0]
        vocabulary = json.loads(content[8:8 + size])["logits"]["shape"][1]
        logits = struct.unpack(f"<{vocabulary}f", content[-4 * vocabulary:])
        largest = max(logits)
        total = largest + math.log(sum(math.exp(value - largest) for value in logits))
        expected = sorted((value - total for value in logits), reverse=True)[:5]
        # The numbers are float32: a unit in the last place of values up to 32 is 2e-6; the sum's exponentials add as much.
        answer = self.chat(logprobs=True, top_logprobs=5, max_tokens=3, temperature=1, seed=1)
        content = answer.choices[0].logprobs.content
        self.assertEqual(len(content), 3)
        for found, value in zip(content[0].top_logprobs, expected):
            self.assertAlmostEqual(found.logprob, value, delta=1e-5)
        chunks = list(self.chat(logprobs=True, top_logprobs=5, max_tokens=3, temperature=1, seed=1, stream=True))
        streamed = [entry for chunk in chunks if chunk.choices[0].logprobs for entry in chunk.choices[0].logprobs.content]
        self.assertEqual(streamed, content)
        # Decoded bytes are the text.
        text = b"".join(bytes(entry.bytes) for entry in content).decode()
        self.assertEqual(text.lstrip(), answer.choices[0].message.content)

    def test_logit_bias(self):
        best = self.chat(logprobs=True, max_tokens=1).choices[0].logprobs.content[0].token
        tokens = post(self.server, "/tokenize", {"content": " ball"})[1]["tokens"]
        forced = self.chat(logit_bias={str(tokens[-1]): 100}, max_tokens=2)
        self.assertIn("ball", forced.choices[0].message.content)
        first = post(self.server, "/tokenize", {"content": best})[1]["tokens"][-1]
        other = self.chat(logit_bias={str(first): -100}, logprobs=True, max_tokens=1)
        self.assertNotEqual(other.choices[0].logprobs.content[0].token, best)

    def test_json(self):
        text = self.chat(response_format={"type": "json_object"}, max_tokens=300, temperature=1, seed=2)
        if text.choices[0].finish_reason == "stop":
            self.assertIsInstance(json.loads(text.choices[0].message.content), dict)
        schema = {
            "type": "object", "properties": {"colour": {"enum": ["red", "blue"]}, "count": {"type": "integer", "minimum": 3, "maximum": 9}},
            "required": ["colour", "count"], "additionalProperties": False,
        }
        for seed in range(4):
            answer = self.chat(
                response_format={"type": "json_schema", "json_schema": {"name": "ball", "schema": schema, "strict": True}},
                max_tokens=200, temperature=1, seed=seed)
            self.assertEqual(answer.choices[0].finish_reason, "stop")
            ball = json.loads(answer.choices[0].message.content)
            self.assertEqual(sorted(ball), ["colour", "count"])
            self.assertIn(ball["colour"], ["red", "blue"])
            self.assertIn(ball["count"], range(3, 10))
        grammar = self.chat(extra_body={"grammar": 'root ::= "yes" | "no"'})
        self.assertIn(grammar.choices[0].message.content, ["yes", "no"])

    def test_completions(self):
        text = "Once upon a time"
        alone = json.loads(jamba("generate", MODEL, "--prompt", text, "-n", "12", "--json"))
        tokens = json.loads(jamba("tokenize", MODEL, text))["ids_with_special"]
        for prompt in [text, tokens, [text]]:
            answer = self.client.completions.create(model=self.name, prompt=prompt, max_tokens=12, temperature=0, logprobs=2)
            self.assertEqual(answer.choices[0].text, alone["text"])
            self.assertEqual(len(answer.choices[0].logprobs.tokens), 12)
        stream = self.client.completions.create(model=self.name, prompt=text, max_tokens=12, temperature=0, stream=True)
        self.assertEqual("".join(chunk.choices[0].text for chunk in stream), alone["text"])
        two = self.client.completions.create(model=self.name, prompt=[text, "The ball"], temperature=0)
        self.assertEqual(two.choices[0].text[: len(alone["text"])], alone["text"])
        self.assertEqual([choice.index for choice in two.choices], [0, 1])
        with self.assertRaises(openai.BadRequestError):
            self.client.completions.create(model=self.name, prompt=text, echo=True)

    def test_tokenize(self):
        text = "A red ball. ü 🙂"
        ids = json.loads(jamba("tokenize", MODEL, text))
        self.assertEqual(post(self.server, "/tokenize", {"content": text})[1]["tokens"], ids["ids"])
        self.assertEqual(post(self.server, "/tokenize", {"content": text, "add_special": True})[1]["tokens"], ids["ids_with_special"])
        self.assertEqual(post(self.server, "/detokenize", {"tokens": ids["ids"]})[1]["content"], ids["decoded"])

    def test_next_turn_costs_its_own_tokens(self):
        story = "A ball is red and round and rolls far away. " * 20
        first = [{"role": "user", "content": story}]
        answer = self.chat(first)
        turn = first + [{"role": "assistant", "content": answer.choices[0].message.content}, {"role": "user", "content": "And then?"}]
        usage = self.chat(turn).usage
        self.assertGreaterEqual(usage.prompt_tokens_details.cached_tokens, answer.usage.prompt_tokens)
        self.assertGreater(metrics(self.server)["jamba_cached_tokens_total"], 0)
        # The same, answered by a server that has seen nothing.
        with Server(PROGRAM, MODEL) as fresh:
            other = client(fresh).chat.completions.create(model=self.name, messages=turn, temperature=0, max_tokens=24)
        self.assertEqual(other.usage.prompt_tokens_details.cached_tokens, 0)
        self.assertEqual(other.choices[0].message.content, self.chat(turn).choices[0].message.content)

    def test_together_as_alone(self):
        def ask(seed):
            messages = [{"role": "user", "content": f"Tell me about {seed} dogs."}]
            return self.chat(messages, temperature=1, seed=seed, max_tokens=40).choices[0].message.content
        alone = [ask(seed) for seed in range(8)]
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            self.assertEqual(list(pool.map(ask, range(8))), alone)

    def test_control_tokens_in_messages_are_text(self):
        plain = self.chat([{"role": "user", "content": "<|eom|><|bom|><|system|>"}])
        self.assertGreater(plain.usage.prompt_tokens, len(prompt_tokens("<|eom|><|bom|><|system|>")))

    def test_refusals(self):
        bad = openai.BadRequestError
        self.assertRefused(bad, "unsupported_parameter", "reasoning_effort", reasoning_effort="low")
        self.assertRefused(bad, "unsupported_parameter", "frequency_penalty", frequency_penalty=0.5)
        self.assertRefused(bad, "unsupported_parameter", "nonsense", extra_body={"nonsense": 1})
        self.assertRefused(bad, "unsupported_parameter", "stream_options.nonsense", stream=True, stream_options={"nonsense": 1})
        self.assertRefused(bad, "invalid_value", "n", n=0)
        self.assertRefused(bad, "invalid_value", "n", n=17)
        self.assertRefused(bad, "invalid_value", temperature=-1)
        self.assertRefused(bad, "invalid_value", "top_logprobs", top_logprobs=3)
        self.assertRefused(bad, "invalid_value", "logit_bias", logit_bias={"999999": 1})
        self.assertRefused(bad, "invalid_value", "stop", stop=[""])
        self.assertRefused(bad, "invalid_value", "messages[0].role", messages=[{"role": "robot", "content": ""}])
        self.assertRefused(bad, "missing_required_parameter", "messages", messages=[])
        self.assertRefused(
            bad, "unsupported_parameter", "messages[0].content",
            messages=[{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "http://x"}}]}])
        self.assertRefused(bad, "unsupported_parameter", "tools", tools=[WEATHER])
        self.assertRefused(
            bad, "invalid_schema", response_format={"type": "json_schema", "json_schema": {"name": "x", "schema": {"not": {}}}})
        self.assertRefused(bad, "context_length_exceeded", messages=[{"role": "user", "content": "ball " * 20000}])
        with self.assertRaises(openai.NotFoundError):
            self.client.chat.completions.create(model="another", messages=QUESTION)

    def test_garbage(self):
        for body in [b"", b"{", b"[]", b"\xff\xfe", b'{"messages":' + b"[" * 5000, b'{"a":1,"a":2}']:
            status, answer = post(self.server, "/v1/chat/completions", body)
            self.assertEqual((status, answer["error"]["code"]), (400, "invalid_json"), body[:20])
        status, answer = post(self.server, "/v1/chat/completions", b'{"messages":[' + b"[]," * 500_000 + b"[]]}")
        self.assertEqual((status, answer["error"]["code"]), (413, "body_too_large"))
        host = f"Host: 127.0.0.1:{self.server.port}\r\n".encode()
        large = b"POST /v1/chat/completions HTTP/1.1\r\n" + host + b"Content-Length: 90000000\r\n\r\n" + b"x" * 100_000
        self.assertIn(b" 413 ", exchange(self.server, large).split(b"\r\n")[0])
        chunk = b"%x\r\n%s\r\n" % (1 << 20, b" " * (1 << 20))
        endless = b"POST /v1/chat/completions HTTP/1.1\r\n" + host + b"Transfer-Encoding: chunked\r\n\r\n" + chunk * 10
        self.assertIn(b" 413 ", exchange(self.server, endless).split(b"\r\n")[0])
        for data in [b"\x00\x01\x02\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"GET / HTTP/1.1\r\nX: " + b"a" * 40_000 + b"\r\n\r\n"]:
            self.assertIn(b" 400 ", exchange(self.server, data).split(b"\r\n")[0] or b" 400 ", data[:30])
        self.assertIn(b" 404 ", exchange(self.server, b"GET /../../etc/passwd HTTP/1.1\r\n" + host + b"\r\n"))
        self.assertIn(b" 405 ", exchange(self.server, b"DELETE /v1/models HTTP/1.1\r\n" + host + b"\r\n"))
        self.assertIn(b" 200 ", exchange(self.server, b"GET /health HTTP/1.1\r\n" + host + b"\r\n"))

    def test_strangers(self):
        def get(headers, method=b"GET", path=b"/v1/models"):
            return exchange(self.server, method + b" " + path + b" HTTP/1.1\r\n" + headers + b"\r\n").split(b"\r\n")[0]
        port = str(self.server.port).encode()
        self.assertIn(b" 403 ", get(b"Host: rebound.example:" + port + b"\r\n"))
        self.assertIn(b" 200 ", get(b"Host: localhost:" + port + b"\r\n"))
        self.assertIn(b" 200 ", get(b"Host: [::1]:" + port + b"\r\n"))
        self.assertIn(b" 200 ", get(b"Host: 127.0.0.1:" + port + b"\r\nOrigin: http://127.0.0.1:" + port + b"\r\n"))
        self.assertIn(b" 403 ", get(b"Host: 127.0.0.1:" + port + b"\r\nOrigin: https://evil.example\r\n"))
        self.assertIn(b" 403 ", get(b"Host: 127.0.0.1:" + port + b"\r\nOrigin: null\r\n"))

    def test_page(self):
        with urllib.request.urlopen(self.server.url + "/", timeout=10) as response:
            page = response.read().decode()
            policy = response.headers["Content-Security-Policy"]
        self.assertTrue(policy.startswith("default-src 'none'; script-src 'nonce-"))
        self.assertEqual(response.headers["X-Content-Type-Options"], "nosniff")
        nonce = policy.split("'nonce-")[1].split("'")[0]
        self.assertEqual(page.count(f'<script nonce="{nonce}">'), page.count("<script"))
        self.assertTrue(page.startswith("<!"))

    def test_disconnect(self):
        stream = self.chat(stream=True, max_tokens=7000, logit_bias=ENDLESS)
        next(iter(stream))
        self.assertEqual(metrics(self.server)["jamba_requests_running"], 1)
        stream.close()
        wait_until(lambda: metrics(self.server)["jamba_requests_running"] == 0)
        # One that is waited for without a stream.
        body = json.dumps({"messages": QUESTION, "max_tokens": 7000, "logit_bias": ENDLESS, "ignored": None}).encode()
        with socket.create_connection(("127.0.0.1", self.server.port)) as connection:
            connection.sendall(
                b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
            wait_until(lambda: metrics(self.server)["jamba_requests_running"] == 1)
        wait_until(lambda: metrics(self.server)["jamba_requests_running"] == 0)


class Tools(WithServer):
    @classmethod
    def setUpClass(cls):
        cls.file = tempfile.NamedTemporaryFile("w")
        cls.file.write(CALLING)
        cls.file.flush()
        cls.arguments = ("--chat-template", cls.file.name, "--sessions", "2")
        super().setUpClass()

    @classmethod
    def tearDownClass(cls):
        super().tearDownClass()
        cls.file.close()

    def call(self, **options):
        return self.chat(tools=[WEATHER, CLOCK], max_tokens=400, temperature=1, seed=4, **options)

    def check(self, calls):
        self.assertGreater(len(calls), 0)
        for call in calls:
            arguments = json.loads(call.function.arguments)
            if call.function.name == "get_weather":
                self.assertEqual(sorted(arguments), ["days", "place"])
                self.assertIn(arguments["days"], [1, 2, 3])
            else:
                self.assertEqual((call.function.name, arguments), ("get_time", {}))

    def test_facts(self):
        facts = self.client.models.list().data[0].model_extra["jamba"]
        self.assertEqual((facts["supports_tools"], facts["supports_reasoning"]), (True, False))

    def test_named_function(self):
        answer = self.call(tool_choice={"type": "function", "function": {"name": "get_weather"}})
        choice = answer.choices[0]
        self.assertEqual(choice.finish_reason, "tool_calls", choice)
        self.check(choice.message.tool_calls)
        self.assertEqual([call.function.name for call in choice.message.tool_calls], ["get_weather"])
        # The call and its result go back.
        turn = QUESTION + [
            choice.message.model_dump(exclude_none=True),
            {"role": "tool", "tool_call_id": choice.message.tool_calls[0].id, "content": "rain"},
        ]
        self.assertIsNotNone(self.chat(turn, tools=[WEATHER]).choices[0].message)

    def test_one_call(self):
        for choice in ["required", "auto"]:
            answer = self.call(tool_choice=choice, parallel_tool_calls=False).choices[0]
            self.assertLessEqual(len(answer.message.tool_calls or []), 1)
            self.assertIn(answer.finish_reason, ["tool_calls"] if choice == "required" else ["tool_calls", "length", "stop"])

    def test_streamed_call(self):
        whole = self.call(tool_choice="required").choices[0]
        self.assertEqual(whole.finish_reason, "tool_calls")
        self.check(whole.message.tool_calls)
        calls, reason = [], None
        for chunk in self.call(tool_choice="required", stream=True):
            for call in chunk.choices[0].delta.tool_calls or []:
                self.assertEqual(call.index, len(calls))
                calls.append(call)
            reason = chunk.choices[0].finish_reason or reason
        self.assertEqual(reason, "tool_calls")
        self.assertEqual(
            [(call.function.name, call.function.arguments) for call in calls],
            [(call.function.name, call.function.arguments) for call in whole.message.tool_calls])

    def test_refusals(self):
        bad = openai.BadRequestError
        self.assertRefused(bad, "invalid_value", "tool_choice", tool_choice="required")
        self.assertRefused(bad, "invalid_value", "tool_choice", tools=[CLOCK], tool_choice={"type": "function", "function": {"name": "x"}})
        self.assertRefused(bad, "invalid_value", "tools[1].function.name", tools=[CLOCK, CLOCK])
        self.assertRefused(bad, "unsupported_parameter", "response_format", tools=[CLOCK], response_format={"type": "json_object"})


class Thoughts(WithServer):
    arguments = ("--chat-template", THINKING)

    def test_thoughts_are_apart(self):
        """A grammar holds for what follows the thoughts; the demo thinks now and then, and seldom comes to an end."""
        self.assertTrue(self.client.models.list().data[0].model_extra["jamba"]["supports_reasoning"])
        thoughts = 0
        for seed in range(8):
            options = {"extra_body": {"grammar": 'root ::= "yes"'}, "max_tokens": 60, "temperature": 1, "seed": seed}
            answer = self.chat(**options)
            message = answer.choices[0].message
            reasoning = getattr(message, "reasoning_content", "") or ""
            thoughts += reasoning != ""
            self.assertEqual(message.content, "yes" if answer.choices[0].finish_reason == "stop" else "")
            self.assertEqual(answer.usage.completion_tokens_details.reasoning_tokens > 0, reasoning != "")
            streamed = ["", ""]
            for chunk in self.chat(stream=True, **options):
                delta = chunk.choices[0].delta
                streamed[0] += getattr(delta, "reasoning_content", "") or ""
                streamed[1] += delta.content or ""
            self.assertEqual(streamed, [reasoning, message.content])
        self.assertGreater(thoughts, 0)


class Crowd(WithServer):
    arguments = ("--sessions", "1", "--queue", "1")

    def test_line_is_bounded_and_left_by_who_goes_away(self):
        running = self.chat(stream=True, max_tokens=7000, logit_bias=ENDLESS)
        next(iter(running))
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(self.chat)
            wait_until(lambda: metrics(self.server)["jamba_requests_waiting"] == 1)
            with self.assertRaises(openai.RateLimitError) as caught:
                self.chat()
            self.assertEqual(caught.exception.code, "queue_full")
            self.assertGreater(int(caught.exception.response.headers["retry-after"]), 0)
            running.close()
            self.assertEqual(len(waiting.result().choices), 1)
        body = json.dumps({"messages": QUESTION}).encode()
        running = self.chat(stream=True, max_tokens=7000, logit_bias=ENDLESS)
        next(iter(running))
        with socket.create_connection(("127.0.0.1", self.server.port)) as connection:
            connection.sendall(
                b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
            wait_until(lambda: metrics(self.server)["jamba_requests_waiting"] == 1)
        wait_until(lambda: metrics(self.server)["jamba_requests_waiting"] == 0)
        running.close()


class Keys(unittest.TestCase):
    def test_keys_and_origins(self):
        with tempfile.NamedTemporaryFile("w") as file:
            file.write("first\n\n second \n")
            file.flush()
            with Server(PROGRAM, MODEL, "--api-key-file", file.name, "--cors-origin", "https://chat.example", "--allowed-host", "box.lan") as server:
                for key in ["first", "second"]:
                    self.assertEqual(len(client(server, api_key=key).models.list().data), 1)
                for key in ["third", "firs", "firstt"]:
                    with self.assertRaises(openai.AuthenticationError):
                        client(server, api_key=key).models.list()
                self.assertIn(b" 200 ", exchange(server, b"GET /health HTTP/1.1\r\nHost: box.lan\r\n\r\n"))
                self.assertIn(b" 401 ", exchange(server, b"GET /metrics HTTP/1.1\r\nHost: box.lan\r\n\r\n"))
                preflight = exchange(
                    server, b"OPTIONS /v1/chat/completions HTTP/1.1\r\nHost: box.lan\r\nOrigin: https://chat.example\r\n"
                    b"Access-Control-Request-Method: POST\r\n\r\n", seconds=2).lower()
                self.assertIn(b" 204 ", preflight.split(b"\r\n")[0])
                self.assertIn(b"access-control-allow-origin: https://chat.example", preflight)


class Stopping(unittest.TestCase):
    def start(self, *arguments):
        server = Server(PROGRAM, MODEL, *arguments)
        stream = client(server).chat.completions.create(
            model=client(server).models.list().data[0].id, messages=QUESTION, temperature=0, stream=True,
            max_tokens=1000, logit_bias=ENDLESS)
        return server, iter(stream)

    def test_running_answers_finish(self):
        server, stream = self.start()
        next(stream)
        server.process.terminate()
        chunks = list(stream)
        self.assertEqual(chunks[-1].choices[0].finish_reason, "length")
        self.assertEqual(server.stop(), 0)

    def test_or_are_told(self):
        server, stream = self.start("--grace", "0")
        next(stream)
        server.process.terminate()
        with self.assertRaises(openai.APIError) as caught:
            list(stream)
        self.assertEqual(caught.exception.code, "stopping")
        self.assertEqual(server.stop(), 0)

    def test_taken_port(self):
        with Server(PROGRAM, MODEL) as server:
            other = subprocess.run([PROGRAM, "serve", MODEL, "--port", str(server.port)], capture_output=True, text=True, timeout=60)
        self.assertEqual(other.returncode, 1)
        self.assertIn("cannot listen on 127.0.0.1", other.stderr)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1] + sys.argv[3:])
