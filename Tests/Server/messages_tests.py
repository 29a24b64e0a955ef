"""/v1/messages, with Anthropic's Python package as its client."""
import json

import anthropic

from harness import QUESTION, WEATHER, WithServer, WithTemplate, post
from tool_tests import CALLING, THINKING

TOOL = {"name": "get_weather", "description": "The weather of a place.", "input_schema": WEATHER["function"]["parameters"]}
CLOCK = {"name": "get_time", "input_schema": {"type": "object", "properties": {}}}


class MessagesMixin:
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.anthropic = anthropic.Anthropic(base_url=cls.server.url, api_key="none", max_retries=0, timeout=60)

    def options(self, messages=QUESTION, **options):
        # What the package knows no more, and what it never has.
        body = {"temperature": 0, **options.pop("extra_body", {})}
        return {"model": self.name, "messages": messages, "max_tokens": 24, "extra_body": body, **options}

    def create(self, messages=QUESTION, **options):
        return self.anthropic.messages.create(**self.options(messages, **options))

    def events(self, messages=QUESTION, **options):
        return list(self.create(messages, stream=True, **options))


class Messages(MessagesMixin, WithServer):
    def test_the_answer_is_the_chats(self):
        text = self.chat().choices[0].message.content
        answer = self.create()
        self.assertEqual([(block.type, block.text) for block in answer.content], [("text", text)])
        self.assertEqual((answer.type, answer.role, answer.model), ("message", "assistant", self.name))
        self.assertEqual((answer.stop_reason, answer.stop_sequence), ("max_tokens", None))
        usage = answer.usage
        whole = self.chat().usage
        self.assertEqual(usage.input_tokens + usage.cache_read_input_tokens, whole.prompt_tokens)
        self.assertEqual(usage.cache_read_input_tokens, whole.prompt_tokens_details.cached_tokens)
        self.assertEqual((usage.output_tokens, usage.cache_creation_input_tokens), (24, 0))

    def test_stream(self):
        events = self.events()
        kinds = [event.type for event in events]
        self.assertEqual(kinds[:2] + kinds[-3:], ["message_start", "content_block_start", "content_block_stop", "message_delta", "message_stop"])
        self.assertEqual(set(kinds[2:-3]), {"content_block_delta"})
        with self.anthropic.messages.stream(**self.options()) as stream:
            text = "".join(stream.text_stream)
            final = stream.get_final_message()
        self.assertEqual(text, self.chat().choices[0].message.content)
        self.assertEqual(final.content[0].text, text)
        self.assertEqual((final.stop_reason, final.usage.output_tokens), ("max_tokens", 24))
        raw = self.anthropic.messages.with_raw_response.create(**self.options(), stream=True).http_response.read().decode()
        self.assertIn('event: ping\ndata: {"type":"ping"}\n\n', raw)

    def test_ends(self):
        answer = self.create(stop_sequences=["zebra", " little"])
        self.assertEqual((answer.stop_reason, answer.stop_sequence), ("stop_sequence", " little"))
        self.assertTrue(answer.content[0].text.endswith("was a"), answer)
        end = next(event for event in self.events(stop_sequences=[" little"]) if event.type == "message_delta")
        self.assertEqual((end.delta.stop_reason, end.delta.stop_sequence), ("stop_sequence", " little"))
        answer = self.create(max_tokens=400)
        self.assertEqual((answer.stop_reason, answer.stop_sequence), ("end_turn", None))

    def prompt(self, messages, **options):
        """The tokens that both APIs count."""
        counted = self.anthropic.messages.count_tokens(model=self.name, messages=messages, **options).input_tokens
        usage = self.create(messages, max_tokens=1, **options).usage
        self.assertEqual(usage.input_tokens + usage.cache_read_input_tokens, counted)
        return counted

    def test_conversations(self):
        plain = [{"role": "system", "content": "Be brief."}, *QUESTION, {"role": "assistant", "content": "Hi"}, {"role": "user", "content": "Bye"}]
        wanted = self.chat(plain, max_tokens=1).usage.prompt_tokens
        text = {"type": "text", "text": "Bye", "cache_control": {"type": "ephemeral"}}
        for system in ["Be brief.", [{"type": "text", "text": "Be "}, {"type": "text", "text": "brief.", "cache_control": {"type": "ephemeral"}}]]:
            counted = self.prompt([*QUESTION, {"role": "assistant", "content": [{"type": "text", "text": "Hi"}]}, {"role": "user", "content": [text]}], system=system)
            self.assertEqual(counted, wanted)
        document = {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": QUESTION[0]["content"]}}
        self.assertEqual(self.prompt([{"role": "user", "content": [document]}]), self.prompt(QUESTION))

    def test_what_changes_nothing(self):
        text = self.create().content[0].text
        for options in [
            {"metadata": {"user_id": "u"}, "service_tier": "auto"}, {"extra_headers": {"anthropic-beta": "x", "anthropic-version": "2099-01-01"}},
            {"thinking": {"type": "enabled", "budget_tokens": 1024}}, {"thinking": {"type": "disabled"}},
            {"extra_body": {"context_management": {"edits": []}, "output_config": {"effort": "high"}}},
            {"tools": [{"type": "web_search_20250305", "name": "web_search"}]}, {"extra_query": {"beta": "true"}},
        ]:
            self.assertEqual(self.create(**options).content[0].text, text, options)
        # Tools are part of the prompt, which a model may answer as it likes.
        self.assertGreater(self.prompt(QUESTION, tools=[TOOL]), self.prompt(QUESTION))
        self.assertEqual(self.create(tools=[TOOL]).content[0].type, "text")

    def test_forms(self):
        schema = {"type": "object", "properties": {"a": {"enum": [1, 2]}}, "required": ["a"], "additionalProperties": False}
        form = {"type": "json_schema", "schema": schema}
        for body in [{"output_format": form}, {"output_config": {"format": form}}]:
            self.assertIn(json.loads(self.create(extra_body=body, max_tokens=200).content[0].text), [{"a": 1}, {"a": 2}])

    def assertFails(self, kind, type, part, **options):
        with self.assertRaises(kind) as caught:
            self.create(**options)
        error = caught.exception.body
        self.assertEqual((error["type"], error["error"]["type"]), ("error", type))
        self.assertIn(part, error["error"]["message"])

    def test_errors(self):
        bad, kind = anthropic.BadRequestError, "invalid_request_error"
        image = {"type": "image", "source": {"type": "url", "url": "http://localhost/a.png"}}
        self.assertFails(bad, kind, "messages[0].content[0]", messages=[{"role": "user", "content": [image]}])
        self.assertFails(bad, kind, "messages[0].content[0].content[0]", messages=[{"role": "user", "content": [{"type": "tool_result", "tool_use_id": "a", "content": [image]}]}])
        self.assertFails(bad, kind, "messages[0] has no role", messages=[{"role": "robot", "content": "x"}])
        self.assertFails(bad, kind, '"stop_sequences"', stop_sequences=["a"] * 17)
        self.assertFails(bad, kind, "tool_choice", tools=[TOOL], tool_choice={"type": "tool", "name": "x"})
        self.assertFails(bad, kind, "tool_choice", tools=[{"type": "bash_20250124", "name": "bash"}], tool_choice={"type": "any"})
        self.assertFails(bad, kind, "prompt is too long: ", messages=[{"role": "user", "content": "ball " * 20000}])
        self.assertFails(bad, kind, "mcp_servers", extra_body={"mcp_servers": [{"url": "x"}]})
        status, body = post(self.server, "/v1/messages/nowhere", {})
        self.assertEqual((status, body["error"]["type"]), (404, "not_found_error"))
        self.assertEqual(post(self.server, "/messages", b"{")[1]["type"], "error")

    def test_models(self):
        models = list(self.anthropic.models.list())
        self.assertEqual([(model.id, model.type, model.display_name) for model in models], [(self.name, "model", self.name)])
        self.assertEqual(self.anthropic.models.retrieve(self.name), models[0])

    def test_without_v1(self):
        self.assertEqual(post(self.server, "/messages", {"messages": QUESTION, "max_tokens": 24, "temperature": 0})[1]["content"][0]["text"], self.create().content[0].text)
        self.assertGreater(post(self.server, "/messages/count_tokens", {"messages": QUESTION})[1]["input_tokens"], 10)


class MessagesTools(MessagesMixin, WithTemplate):
    template = CALLING

    def call(self, **options):
        return {"tools": [TOOL, CLOCK], "max_tokens": 300, "extra_body": {"seed": 4, "temperature": 1}, **options}

    def test_calls(self):
        answer = self.create(**self.call(tool_choice={"type": "any"}))
        self.assertEqual(answer.stop_reason, "tool_use")
        for block in answer.content:
            self.assertEqual(block.type, "tool_use")
            self.assertIn(sorted(block.input), [["days", "place"], []])
        with self.anthropic.messages.stream(**self.options(**self.call(tool_choice={"type": "any"}))) as stream:
            final = stream.get_final_message()
        self.assertEqual([(b.name, b.input) for b in final.content], [(b.name, b.input) for b in answer.content])
        self.assertEqual(final.stop_reason, "tool_use")
        one = self.create(**self.call(tool_choice={"type": "tool", "name": "get_weather"}))
        self.assertEqual([block.name for block in one.content], ["get_weather"])
        one = self.create(**self.call(tool_choice={"type": "any", "disable_parallel_tool_use": True}))
        self.assertEqual(len(one.content), 1)
        self.assertNotIn("tool_use", [b.type for b in self.create(**self.call(tool_choice={"type": "none"})).content])

    def test_arguments_come_as_they_are_made(self):
        with self.anthropic.messages.stream(**self.options(**self.call(tool_choice={"type": "any"}))) as stream:
            events = list(stream)
            final = stream.get_final_message()
        for index, block in enumerate(final.content):
            own = [event for event in events if getattr(event, "index", None) == index]
            pieces = [event.delta.partial_json for event in own if event.type == "content_block_delta"]
            self.assertEqual(json.loads("".join(pieces)), block.input)
            self.assertEqual((own[0].type, own[0].content_block.name, own[-1].type), ("content_block_start", block.name, "content_block_stop"))
            if block.name == "get_weather":
                self.assertGreater(len(pieces), 5)

    def test_a_call_that_is_cut(self):
        """A stream has handed out a part of it; a whole answer has none."""
        cut = self.call(tool_choice={"type": "tool", "name": "get_weather"}, max_tokens=66)
        whole = self.create(**cut)
        self.assertEqual(([(block.type, block.text) for block in whole.content], whole.stop_reason), ([("text", "")], "max_tokens"))
        with self.anthropic.messages.stream(**self.options(**cut)) as stream:
            text = "".join(event.partial_json for event in stream if event.type == "input_json")
            final = stream.get_final_message()
        self.assertEqual(([block.type for block in final.content], final.stop_reason), (["tool_use"], "max_tokens"))
        self.assertTrue(text.startswith('{"'))
        with self.assertRaises(ValueError):
            json.loads(text)

    def test_history(self):
        """Blocks of calls and results become what a chat's messages are."""
        calls = [
            {"id": "a", "type": "function", "function": {"name": "get_time", "arguments": "{}"}},
            {"id": "b", "type": "function", "function": {"name": "get_weather", "arguments": '{"place": "Oslo", "days": 1}'}},
        ]
        chat = QUESTION + [
            {"role": "assistant", "content": "Let me see.", "tool_calls": calls}, {"role": "tool", "tool_call_id": "a", "content": "noon"},
            {"role": "tool", "tool_call_id": "b", "content": "Error: rain"}, {"role": "user", "content": "So?"},
        ]
        messages = QUESTION + [
            {"role": "assistant", "content": [
                {"type": "thinking", "thinking": "Hm", "signature": ""}, {"type": "text", "text": "Let me see."},
                {"type": "tool_use", "id": "a", "name": "get_time", "input": {}},
                {"type": "tool_use", "id": "b", "name": "get_weather", "input": {"place": "Oslo", "days": 1}}]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "a", "content": "noon"},
                {"type": "tool_result", "tool_use_id": "b", "is_error": True, "content": [{"type": "text", "text": "rain"}]},
                {"type": "text", "text": "So?"}]},
        ]
        chat[1]["reasoning_content"] = "Hm"
        wanted = self.chat(chat, tools=[WEATHER], max_tokens=8, temperature=0)
        answer = self.create(messages, tools=[TOOL], max_tokens=8)
        self.assertEqual(answer.content[0].text, wanted.choices[0].message.content)
        self.assertEqual(answer.usage.input_tokens + answer.usage.cache_read_input_tokens, wanted.usage.prompt_tokens)


class MessagesThoughts(MessagesMixin, WithServer):
    arguments = ("--chat-template", THINKING)

    def test_thoughts(self):
        for seed in range(4):
            options = self.options(max_tokens=60, extra_body={"temperature": 1, "seed": seed, "grammar": 'root ::= "yes"'})
            whole = self.anthropic.messages.create(**options)
            with self.anthropic.messages.stream(**options) as stream:
                final = stream.get_final_message()
            self.assertEqual(final.content, whole.content)
            kinds = [block.type for block in whole.content]
            self.assertIn(kinds, [["thinking"], ["thinking", "text"], ["text"]])
            if kinds[0] == "thinking":
                self.assertEqual(whole.content[0].signature, "")
