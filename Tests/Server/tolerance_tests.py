"""What clients send beside what they ask for, the places where they look, and how they speak HTTP."""
import json
import tempfile
import time
import unittest
import urllib.request

import openai

from harness import QUESTION, Options, Server, WithServer, client, exchange, get, jamba, metrics, post


class Tolerance(WithServer):
    def test_answers_are_the_same(self):
        """Whatever is neutral or not known changes no bit of an answer."""
        plain = self.chat()
        for options in [
            {"extra_body": {"session_id": "x", "verbosity": "low", "keep_alive": "5m"}},
            {"reasoning_effort": "low"}, {"stop": ""}, {"stop": []}, {"logit_bias": {}}, {"user": "u", "metadata": {"a": "b"}},
            {"store": True}, {"service_tier": "auto"}, {"n": 1, "parallel_tool_calls": True},
            {"extra_body": {"cache_prompt": True, "timings_per_token": True, "samplers": "edskypmxt", "min_keep": 0}},
        ]:
            self.assertEqual(self.chat(**options).choices[0].message.content, plain.choices[0].message.content, options)
        other = self.client.chat.completions.create(model="gpt-4o", messages=QUESTION, temperature=0, max_tokens=24)
        self.assertEqual(other.choices[0].message.content, plain.choices[0].message.content)
        self.assertEqual(other.model, self.name)

    def test_messages_are_the_same(self):
        plain = self.chat([{"role": "system", "content": "Be brief."}, *QUESTION, {"role": "assistant", "content": "Hi"}, *QUESTION])
        told = self.chat([
            {"role": "developer", "content": [{"type": "input_text", "text": "Be "}, {"type": "text", "text": "brief."}], "id": "m1"},
            {**QUESTION[0], "cache_control": {"type": "ephemeral"}},
            {"role": "assistant", "content": [{"type": "output_text", "text": "Hi"}], "refusal": None, "annotations": [], "audio": None,
             "provider_specific_fields": {"refusal": None}},
            {"role": "user", "content": [QUESTION[0]["content"]]},
        ])
        self.assertEqual(told.choices[0].message.content, plain.choices[0].message.content)
        self.assertEqual(told.usage.prompt_tokens, plain.usage.prompt_tokens)
        self.assertIsNotNone(self.chat([{"role": "user", "content": None}]).choices[0].message)

    def test_what_is_passed_over_is_counted_and_told_once(self):
        with Server(Options.program, Options.model) as server:
            before = metrics(server)["jamba_ignored_members_total"]
            for _ in range(3):
                status, _ = post(server, "/v1/chat/completions", {"messages": QUESTION, "max_tokens": 1, "strange_member": 1, "user": "x"})
                self.assertEqual(status, 200)
            self.assertEqual(metrics(server)["jamba_ignored_members_total"] - before, 3)
            server.stop()
            self.assertEqual(sum("strange_member" in line for line in server.lines), 1, server.lines)

    def test_no_limit(self):
        answer = self.chat(max_tokens=-1, stop=".")
        self.assertEqual(answer.choices[0].finish_reason, "stop")
        first = self.client.models.retrieve(self.name).model_extra["jamba"]["context"]
        filled = self.chat([{"role": "user", "content": "ball " * (first - 60)}], max_tokens=-1, extra_body={"ignore_eos": True})
        self.assertEqual(filled.usage.total_tokens, first)
        self.assertEqual(filled.choices[0].finish_reason, "length")

    def test_full_context_in_openais_words(self):
        context = self.client.models.retrieve(self.name).model_extra["jamba"]["context"]
        with self.assertRaises(openai.BadRequestError) as caught:
            self.chat([{"role": "user", "content": "ball " * 20000}])
        self.assertEqual(caught.exception.code, "context_length_exceeded")
        self.assertIn(f"maximum context length is {context} tokens", caught.exception.body["message"])
        self.assertRegex(caught.exception.body["message"], r"resulted in 2\d{4} tokens")

    def test_chunks_have_no_usage_but_the_last(self):
        status = urllib.request.urlopen(urllib.request.Request(
            self.server.url + "/v1/chat/completions",
            json.dumps({"messages": QUESTION, "max_tokens": 3, "stream": True, "stream_options": {"include_usage": True}}).encode()))
        chunks = [json.loads(line[6:]) for line in status.read().decode().splitlines() if line.startswith("data: {")]
        self.assertEqual(["usage" in chunk for chunk in chunks], [False] * (len(chunks) - 1) + [True])

    def test_echo(self):
        request = {"prompt": ["Once upon", [512, 518]], "max_tokens": 3, "temperature": 0}
        plain = post(self.server, "/v1/completions", request)[1]["choices"]
        echoed = post(self.server, "/v1/completions", {**request, "echo": True})[1]["choices"]
        prompts = ["Once upon", post(self.server, "/detokenize", {"tokens": [512, 518]})[1]["content"]]
        self.assertEqual([choice["text"] for choice in echoed], [prompt + choice["text"] for prompt, choice in zip(prompts, plain)])
        streamed = ["", ""]
        for chunk in self.client.completions.create(model=self.name, **request, echo=True, stream=True):
            streamed[chunk.choices[0].index] += chunk.choices[0].text
        self.assertEqual(streamed, [choice["text"] for choice in echoed])

    def test_schemas_by_other_names(self):
        schema = {"type": "object", "properties": {"a": {"enum": [1, 2]}}, "required": ["a"], "additionalProperties": False}
        for options in [
            {"response_format": {"type": "json_object", "schema": schema}},
            {"response_format": {"type": "json_schema", "schema": schema}},
            {"json_schema": schema},
        ]:
            status, answer = post(self.server, "/v1/chat/completions", {"messages": QUESTION, "max_tokens": 40, **options})
            self.assertEqual(status, 200, answer)
            self.assertIn(json.loads(answer["choices"][0]["message"]["content"]), [{"a": 1}, {"a": 2}])
            status, answer = post(self.server, "/v1/completions", {"prompt": "x", "max_tokens": 40, **options})
            self.assertIn(json.loads(answer["choices"][0]["text"]), [{"a": 1}, {"a": 2}])

    def test_continued_messages(self):
        """An assistant's message at the end begins the answer; the answer goes on with it."""
        def prompt(**options):
            messages = QUESTION + [{"role": "assistant", "content": "Once upon "}]
            return post(self.server, "/apply-template", {"messages": messages, **options})[1]["prompt"]
        self.assertTrue(prompt().endswith("<|bom|><|assistant|>Once upon "), prompt())
        self.assertEqual(prompt(continue_final_message=True, add_generation_prompt=False), prompt())
        for options in [{"continue_final_message": False}, {"add_generation_prompt": True}]:
            self.assertTrue(prompt(**options).endswith("<|eom|><|bom|><|assistant|>"), options)
        begun = QUESTION + [{"role": "assistant", "content": "There was a red"}]
        answer = self.chat(begun, max_tokens=5).choices[0].message.content
        text = f"<|bom|><|user|>{QUESTION[0]['content']}<|eom|><|bom|><|assistant|>There was a red"
        expected = post(self.server, "/v1/completions", {"prompt": text, "max_tokens": 5, "temperature": 0})[1]
        self.assertEqual(answer, expected["choices"][0]["text"])

    def test_forms_of_vllm(self):
        def text(**members):
            return self.chat(max_tokens=60, temperature=1, seed=3, extra_body=members).choices[0].message.content
        schema = {"type": "object", "properties": {"a": {"enum": [1, 2]}}, "required": ["a"], "additionalProperties": False}
        for value in [schema, json.dumps(schema)]:
            for members in [{"guided_json": value}, {"structured_outputs": {"json": value, "disable_any_whitespace": True}}]:
                self.assertIn(json.loads(text(**members)), [{"a": 1}, {"a": 2}])
        for members in [{"guided_regex": "[0-9]{3}|x+y"}, {"structured_outputs": {"regex": "[0-9]{3}|x+y"}}]:
            self.assertRegex(text(**members), "^([0-9]{3}|x+y)$")
        choices = ['re"d\\', "blue\nsky", "日本"]
        for members in [{"guided_choice": choices}, {"structured_outputs": {"choice": choices}}]:
            self.assertIn(text(**members), choices)
        for members in [{"guided_grammar": 'root ::= "yes"'}, {"structured_outputs": {"grammar": 'root ::= "yes"'}}]:
            self.assertEqual(text(**members), "yes")
        bad = openai.BadRequestError
        self.assertRefused(bad, "invalid_value", "guided_choice", extra_body={"guided_choice": [1]})
        self.assertRefused(bad, "invalid_value", "guided_regex", extra_body={"grammar": 'root ::= "a"', "guided_regex": "b"})
        self.assertRefused(bad, "invalid_schema", "structured_outputs.regex", extra_body={"structured_outputs": {"regex": "(a"}})
        self.assertRefused(bad, "unsupported_parameter", "structured_outputs.structural_tag", extra_body={"structured_outputs": {"structural_tag": "x"}})


class Strict(WithServer):
    arguments = ("--strict", "--strict-model")

    def test_strict(self):
        bad = openai.BadRequestError
        self.assertRefused(bad, "unsupported_parameter", "nonsense", extra_body={"nonsense": 1})
        self.assertRefused(bad, "unsupported_parameter", "stream_options.nonsense", stream=True, stream_options={"nonsense": 1})
        self.assertRefused(bad, "unsupported_parameter", "messages[0].nonsense", messages=[{**QUESTION[0], "nonsense": 1}])
        self.assertEqual(self.chat(user="x", store=False).choices[0].finish_reason, "length")
        with self.assertRaises(openai.NotFoundError):
            self.client.chat.completions.create(model="another", messages=QUESTION)


class Places(WithServer):
    def test_with_and_without_v1(self):
        request = {"messages": QUESTION, "max_tokens": 4, "temperature": 0}
        texts = {post(self.server, path, request)[1]["choices"][0]["message"]["content"]
                 for path in ["/v1/chat/completions", "/chat/completions", "/v1/chat/completions/"]}
        self.assertEqual(len(texts), 1)
        self.assertEqual(post(self.server, "/completions", {"prompt": "Once", "max_tokens": 1})[0], 200)
        for path in ["/models", "/v1/models", "/models/"]:
            self.assertEqual(get(self.server, path)["data"][0]["id"], self.name)
        for path in ["/models/", "/v1/models/"]:
            self.assertEqual(get(self.server, path + self.name)["id"], self.name)
        for path in ["/health", "/v1/health"]:
            self.assertEqual(get(self.server, path)["status"], "ok")
        for path in ["/v1/models/another", "/v2/models", "/v1"]:
            with self.assertRaises(urllib.error.HTTPError):
                get(self.server, path)

    def test_what_others_ask(self):
        version = jamba("--version").strip()
        self.assertEqual([get(self.server, path)["version"] for path in ["/version", "/api/version"]], [version] * 2)
        self.assertEqual([model["name"] for model in get(self.server, "/api/tags")["models"]], [self.name])
        properties = get(self.server, "/props")
        context = self.client.models.retrieve(self.name).model_extra["jamba"]["context"]
        self.assertEqual(properties["default_generation_settings"]["n_ctx"], context)
        self.assertIn("<|bom|>", properties["chat_template"])
        self.assertEqual(properties["bos_token"], "<|startoftext|>")

    def test_template(self):
        status, answer = post(self.server, "/apply-template", {"messages": [*QUESTION, {"role": "assistant", "content": "<|eom|>"}, *QUESTION]})
        turn = f"<|bom|><|user|>{QUESTION[0]['content']}<|eom|>"
        self.assertEqual((status, answer["prompt"]), (200, f"<|startoftext|>{turn}<|bom|><|assistant|><|eom|><|eom|>{turn}<|bom|><|assistant|>"))

    def test_tokens(self):
        text = "Once <|eom|> 日"
        ids = json.loads(jamba("tokenize", Options.model, text))["ids"]
        self.assertEqual(post(self.server, "/tokenize", {"content": text, "model": "x"})[1]["tokens"], ids)
        self.assertEqual(post(self.server, "/tokenize", {"content": text, "add_special": True})[1]["tokens"][1:], ids)
        pieces = post(self.server, "/tokenize", {"content": text, "with_pieces": True})[1]["tokens"]
        self.assertEqual([piece["id"] for piece in pieces], ids)
        self.assertIn("<|eom|>", [piece["piece"] for piece in pieces])
        pieces = post(self.server, "/tokenize", {"content": "Once upon 日é", "with_pieces": True})[1]["tokens"]
        whole = b"".join(bytes(piece["piece"]) if isinstance(piece["piece"], list) else piece["piece"].encode() for piece in pieces)
        self.assertEqual(whole.decode().strip(), "Once upon 日é")
        mixed = post(self.server, "/tokenize", {"content": ["Once", pieces[0]["id"], 7]})[1]["tokens"]
        self.assertEqual(mixed[-2:], [pieces[0]["id"], 7])
        for tokens in [[999999], [-1], ["a"], [1.5]]:
            self.assertEqual(post(self.server, "/detokenize", {"tokens": tokens})[0], 400, tokens)
            self.assertEqual(post(self.server, "/tokenize", {"content": [{}, *tokens]})[0], 400, tokens)

    def test_keys(self):
        with tempfile.NamedTemporaryFile("w") as file:
            file.write("secret\n")
            file.flush()
            with Server(Options.program, Options.model, "--api-key-file", file.name) as server:
                for header in ["x-api-key", "api-key"]:
                    self.assertEqual(len(get(server, "/v1/models", **{header: "secret"})["data"]), 1)
                    with self.assertRaises(urllib.error.HTTPError):
                        get(server, "/v1/models", **{header: "secre"})
                with self.assertRaises(urllib.error.HTTPError):
                    get(server, "/props")

    def exchange(self, head, body=b"", seconds=5):
        start = time.monotonic()
        answer = exchange(self.server, head.replace(b"\n", b"\r\n") + b"\r\n\r\n" + body, seconds)
        self.assertLess(time.monotonic() - start, seconds - 1, answer)
        return answer

    def test_http_1_0(self):
        """A connection ends with its response, which has no chunks; Host may be missing."""
        answer = self.exchange(b"GET /health HTTP/1.0")
        self.assertIn(b" 200 ", answer.split(b"\r\n")[0])
        self.assertIn(b"connection: close", answer.lower())
        body = json.dumps({"messages": QUESTION, "max_tokens": 3, "stream": True}).encode()
        stream = self.exchange(b"POST /v1/chat/completions HTTP/1.0\nContent-Length: %d" % len(body), body)
        self.assertNotIn(b"transfer-encoding", stream.lower())
        self.assertTrue(stream.partition(b"\r\n\r\n")[2].startswith(b"data: {"), stream)
        self.assertTrue(stream.endswith(b"data: [DONE]\n\n"), stream)
        # It frees no page of its host's name.
        self.assertIn(b" 403 ", self.exchange(b"GET /health HTTP/1.0\nHost: rebound.example").split(b"\r\n")[0])
        self.assertIn(b" 400 ", self.exchange(b"GET /health HTTP/1.1").split(b"\r\n")[0])

    def test_connection_close(self):
        for word in [b"close", b"Close", b"keep-alive, close"]:
            self.exchange(b"GET /health HTTP/1.1\nHost: localhost\nConnection: " + word)

    def test_two_hosts(self):
        answer = self.exchange(b"GET /health HTTP/1.1\nHost: localhost\nHost: evil.example\nConnection: close")
        self.assertIn(b" 400 ", answer.split(b"\r\n")[0])

    def test_expect_continue(self):
        body = b'{"content": "a"}'
        head = b"POST /tokenize HTTP/1.1\nHost: localhost\nExpect: 100-continue\nConnection: close\nContent-Length: "
        self.assertTrue(exchange(self.server, head.replace(b"\n", b"\r\n") + b"%d\r\n\r\n" % len(body), 1).startswith(b"HTTP/1.1 100 Continue\r\n\r\n"))
        answer = self.exchange(head + b"%d" % len(body), body)
        self.assertIn(b'{"tokens":[', answer)
        self.assertTrue(self.exchange(head + b"90000000").startswith(b"HTTP/1.1 413 "))
