"""Ollama's API, with its Python package as the client."""
import json
import urllib.request

import ollama

from harness import QUESTION, WEATHER, WithServer, WithTemplate, post
from tool_tests import CALLING, THINKING


class OllamaMixin:
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.ollama = ollama.Client(host=cls.server.url, timeout=60)

    def ask(self, messages=QUESTION, options=None, **members):
        return self.ollama.chat(self.name, messages, options={"temperature": 0, "num_predict": 24, **(options or {})}, **members)


class Ollama(OllamaMixin, WithServer):
    def test_chat(self):
        wanted = self.chat()
        answer = self.ask()
        self.assertEqual((answer.message.role, answer.message.content), ("assistant", wanted.choices[0].message.content))
        self.assertEqual((answer.done, answer.done_reason, answer.model), (True, "length", self.name))
        self.assertEqual((answer.prompt_eval_count, answer.eval_count), (wanted.usage.prompt_tokens, 24))
        self.assertGreater(answer.total_duration, answer.eval_duration)
        self.assertGreater(answer.eval_duration, 0)
        self.assertRegex(answer.created_at, r"^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z$")
        parts = list(self.ask(stream=True))
        self.assertEqual("".join(part.message.content for part in parts), answer.message.content)
        self.assertEqual([part.done for part in parts], [False] * (len(parts) - 1) + [True])
        self.assertEqual((parts[-1].eval_count, parts[-1].done_reason), (24, "length"))

    def test_lines_unless_told_otherwise(self):
        body = {"messages": QUESTION, "options": {"num_predict": 3}}
        request = urllib.request.Request(self.server.url + "/api/chat", json.dumps(body).encode())
        with urllib.request.urlopen(request, timeout=60) as response:
            self.assertEqual(response.headers["Content-Type"], "application/x-ndjson")
            lines = [json.loads(line) for line in response.read().decode().splitlines()]
        self.assertEqual([line["done"] for line in lines][-2:], [False, True])

    def test_generate(self):
        wanted = self.chat([{"role": "system", "content": "Be brief."}, *QUESTION]).choices[0].message.content
        options = {"temperature": 0, "num_predict": 24}
        answer = self.ollama.generate(self.name, QUESTION[0]["content"], system="Be brief.", options=options)
        self.assertEqual((answer.response, answer.done_reason), (wanted, "length"))
        parts = list(self.ollama.generate(self.name, QUESTION[0]["content"], system="Be brief.", options=options, stream=True))
        self.assertEqual("".join(part.response for part in parts), wanted)
        raw = self.ollama.generate(self.name, "Once upon", raw=True, options=options)
        completed = self.client.completions.create(model=self.name, prompt="Once upon", max_tokens=24, temperature=0)
        self.assertEqual(raw.response, completed.choices[0].text)

    def test_options(self):
        def ask(**options):
            return self.ask(options={"num_predict": 12, **options}).message.content
        for options in [{"stop": ["little"]}, {"seed": 3, "temperature": 1}, {"repeat_penalty": 1.5, "repeat_last_n": -1}, {"temperature": 2, "top_k": 1}]:
            body = {**options, "max_tokens": 12, "messages": QUESTION, "temperature": options.get("temperature", 0)}
            self.assertEqual(ask(**options), post(self.server, "/v1/chat/completions", body)[1]["choices"][0]["message"]["content"], options)
        self.assertEqual(ask(num_ctx=2048, num_thread=3, num_gpu=1, mirostat=0, tfs_z=1.0), ask())
        self.assertEqual(self.ask(options={"num_predict": -1, "stop": "."}).done_reason, "stop")
        self.assertEqual(self.ask(options={"num_predict": -2, "stop": "."}).done_reason, "stop")

    def test_forms(self):
        schema = {"type": "object", "properties": {"a": {"enum": [1, 2]}}, "required": ["a"], "additionalProperties": False}
        self.assertIn(json.loads(self.ask(format=schema, options={"num_predict": 200}).message.content), [{"a": 1}, {"a": 2}])
        answer = self.ask(format="json", options={"num_predict": 200, "temperature": 1, "seed": 1})
        if answer.done_reason == "stop":
            self.assertIsInstance(json.loads(answer.message.content), dict)
        self.assertTrue(answer.message.content.startswith("{"))

    def test_probabilities(self):
        body = {"model": self.name, "messages": QUESTION, "stream": False, "logprobs": True, "top_logprobs": 2, "options": {"num_predict": 3, "temperature": 0}}
        found = post(self.server, "/api/chat", body)[1]["logprobs"]
        wanted = self.chat(logprobs=True, top_logprobs=2, max_tokens=3).choices[0].logprobs.content
        self.assertEqual([entry["logprob"] for entry in found], [entry.logprob for entry in wanted])

    def test_the_model(self):
        self.assertEqual([model.model for model in self.ollama.list().models], [self.name])
        running = self.ollama.ps().models[0]
        self.assertEqual((running.model, running.size_vram), (self.name, 0))
        self.assertEqual(len(running.digest), 64)
        shown = self.ollama.show(self.name)
        context = self.client.models.retrieve(self.name).model_extra["jamba"]["context"]
        self.assertEqual(shown.capabilities, ["completion", "tools"])
        self.assertEqual((shown.details.family, shown.details.quantization_level), ("jamba", "INT4"))
        self.assertEqual((shown.modelinfo["general.architecture"], shown.modelinfo["jamba.context_length"]), ("jamba", context))
        self.assertIn("<|bom|>", shown.template)
        self.assertEqual(self.ollama.show("another:latest").details, shown.details)

    def test_loading(self):
        """A request without a prompt is for the model, which is always there."""
        self.assertEqual(self.ollama.chat(self.name, []).done_reason, "load")
        self.assertEqual(self.ollama.generate(self.name, keep_alive=0).done_reason, "unload")

    def assertFails(self, part, path="/api/chat", **members):
        status, body = post(self.server, path, {"messages": QUESTION, "prompt": "x", "stream": False, **members})
        self.assertEqual((status, list(body)), (400, ["error"]), body)
        self.assertIn(part, body["error"])

    def test_errors(self):
        self.assertFails("messages[0] has no role", messages=[{"role": "robot", "content": "x"}])
        self.assertFails("messages[0] has images", messages=[{"role": "user", "content": "x", "images": ["AA=="]}])
        self.assertFails('"options.stop"', options={"stop": 1})
        self.assertFails('"options.temperature"', options={"temperature": "hot"})
        self.assertFails('"format"', format="xml")
        for name, value in [("images", ["AA=="]), ("suffix", "y"), ("template", "{{ .Prompt }}"), ("context", [1, 2])]:
            self.assertFails(f'"{name}"', "/api/generate", **{name: value})
        self.assertFails('"system"', "/api/generate", raw=True, system="x")
        status, body = post(self.server, "/api/pull", {"model": "x"})
        self.assertEqual((status, list(body)), (404, ["error"]))
        with self.assertRaises(ollama.ResponseError):
            self.ask([{"role": "user", "content": "ball " * 20000}])


class StrictOllama(OllamaMixin, WithServer):
    arguments = ("--strict", "--strict-model", "--name", "demo")

    def test_strict(self):
        self.assertEqual(self.ask(options={"num_thread": 2}).done_reason, "length")
        self.assertEqual(self.ollama.chat("demo:latest", QUESTION, options={"num_predict": 1}).model, "demo")
        self.assertEqual(self.ollama.show("demo:latest").capabilities, ["completion", "tools"])
        for call in [lambda: self.ollama.chat("other", QUESTION), lambda: self.ollama.show("other")]:
            with self.assertRaises(ollama.ResponseError) as caught:
                call()
            self.assertEqual(caught.exception.status_code, 404)
        with self.assertRaises(ollama.ResponseError) as caught:
            self.ask(options={"num_ctx": 100})
        self.assertIn("options.num_ctx", caught.exception.error)


class OllamaTools(OllamaMixin, WithTemplate):
    template = CALLING

    def test_calls(self):
        self.assertEqual(self.ollama.show(self.name).capabilities, ["completion", "tools"])
        # The API has no way of its own to require a call, or to allow one alone.
        body = {"model": self.name, "messages": QUESTION, "tools": [WEATHER], "tool_choice": "required", "parallel_tool_calls": False,
                "stream": False, "options": {"seed": 4, "temperature": 1, "num_predict": 300}}
        found = ollama.ChatResponse(**post(self.server, "/api/chat", body)[1])
        call = found.message.tool_calls[0]
        self.assertEqual((call.function.name, sorted(call.function.arguments)), ("get_weather", ["days", "place"]))
        self.assertEqual(found.done_reason, "stop")
        turns = QUESTION + [found.message, {"role": "tool", "tool_name": "get_weather", "content": "rain"}]
        self.assertEqual(self.ask(turns, tools=[WEATHER]).done_reason, "length")
        # The package leaves members of schemas out.
        turns = QUESTION + [found.message.model_dump(exclude_none=True), turns[-1]]
        answer = post(self.server, "/api/chat", {"messages": turns, "tools": [WEATHER], "stream": False, "options": {"num_predict": 1}})[1]
        given = {"id": "a", "type": "function", "function": {"name": call.function.name, "arguments": json.dumps(dict(call.function.arguments))}}
        chat = QUESTION + [{"role": "assistant", "content": "", "tool_calls": [given]}, {"role": "tool", "name": "get_weather", "content": "rain"}]
        self.assertEqual(answer["prompt_eval_count"], self.chat(chat, tools=[WEATHER], max_tokens=1).usage.prompt_tokens)


class OllamaThoughts(OllamaMixin, WithServer):
    arguments = ("--chat-template", THINKING)

    def test_thoughts(self):
        self.assertIn("thinking", self.ollama.show(self.name).capabilities)
        thoughts = 0
        for seed in range(4):
            options = {"temperature": 1, "seed": seed, "num_predict": 40}
            whole = self.ask(options=options, think=True)
            parts = list(self.ask(options=options, think=True, stream=True))
            self.assertEqual("".join(part.message.thinking or "" for part in parts), whole.message.thinking or "")
            self.assertEqual("".join(part.message.content or "" for part in parts), whole.message.content)
            thoughts += bool(whole.message.thinking)
        self.assertGreater(thoughts, 0)
