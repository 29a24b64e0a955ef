"""/v1/responses, with OpenAI's Python package as its client."""
import json

import openai
import pydantic

from harness import QUESTION, WEATHER, WithServer, WithTemplate, metrics, post
from tool_tests import CALLING, CLOCK, THINKING

INPUT = QUESTION[0]["content"]
TOOL = {"type": "function", **WEATHER["function"]}
TIME = {"type": "function", **CLOCK["function"]}


class ResponsesMixin:
    def create(self, input=INPUT, **options):
        return self.client.responses.create(**{"model": self.name, "input": input, "max_output_tokens": 24, "temperature": 0, **options})

    def check(self, events):
        """Numbers events, and puts them together as their types ask."""
        self.assertEqual([event.sequence_number for event in events], list(range(len(events))))
        self.assertEqual([event.type for event in events[:2]], ["response.created", "response.in_progress"])
        final = events[-1].response
        texts = {}
        for event in events:
            if event.type.endswith(".delta"):
                texts[event.item_id] = texts.get(event.item_id, "") + event.delta
            elif event.type == "response.output_item.added":
                self.assertEqual((event.output_index, event.item.status), (len(texts), "in_progress"))
                texts[event.item.id] = ""
            elif event.type == "response.output_item.done":
                self.assertEqual(event.item, final.output[event.output_index])
        self.assertEqual(list(texts), [item.id for item in final.output])
        for item in final.output:
            parts = {"message": lambda: item.content[0].text, "function_call": lambda: item.arguments,
                     "reasoning": lambda: (item.content or item.summary)[0].text}
            self.assertEqual(texts[item.id], parts[item.type]())
        return final


class Responses(ResponsesMixin, WithServer):
    def test_the_answer_is_the_chats(self):
        chat = self.chat()
        answer = self.create()
        self.assertEqual(answer.output_text, chat.choices[0].message.content)
        self.assertEqual((answer.object, answer.status, answer.model), ("response", "incomplete", self.name))
        self.assertEqual(answer.incomplete_details.reason, "max_output_tokens")
        usage = answer.usage
        self.assertEqual((usage.input_tokens, usage.output_tokens, usage.total_tokens), (chat.usage.prompt_tokens, 24, chat.usage.total_tokens))
        self.assertGreater(usage.input_tokens_details.cached_tokens, 0)
        self.assertEqual(usage.output_tokens_details.reasoning_tokens, 0)
        whole = self.create(max_output_tokens=400)
        self.assertEqual((whole.status, whole.incomplete_details, whole.error), ("completed", None, None))
        self.assertEqual([(item.type, item.role, item.status) for item in whole.output], [("message", "assistant", "completed")])

    def test_stream(self):
        final = self.check(list(self.create(stream=True)))
        self.assertEqual((final.status, final.output_text), ("incomplete", self.create().output_text))
        with self.client.responses.stream(model=self.name, input=INPUT, max_output_tokens=400, temperature=0) as stream:
            kinds = [event.type for event in stream]
            self.assertEqual(stream.get_final_response().status, "completed")
        self.assertEqual(kinds[-1], "response.completed")

    def test_members_come_back(self):
        answer = self.create(instructions="Be brief.", metadata={"a": "b"}, user="u", top_p=0.5, truncation="auto", parallel_tool_calls=False)
        self.assertEqual((answer.instructions, answer.metadata, answer.user), ("Be brief.", {"a": "b"}, "u"))
        self.assertEqual((answer.temperature, answer.top_p, answer.truncation, answer.parallel_tool_calls), (0, 0.5, "auto", False))

    def tokens(self, input=None, **options):
        counted = self.client.responses.input_tokens.count(model=self.name, **({"input": input} if input is not None else {}), **options)
        self.assertEqual(counted.object, "response.input_tokens")
        return counted.input_tokens

    def test_items(self):
        chat = [{"role": "system", "content": "Be brief."}, *QUESTION, {"role": "assistant", "content": "Hi"}, {"role": "user", "content": "Bye"}]
        wanted = self.chat(chat, max_tokens=1).usage.prompt_tokens
        self.assertEqual(self.tokens(chat), wanted)
        self.assertEqual(self.tokens(chat[1:], instructions="Be brief."), wanted)
        items = [
            {"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "Be brief."}]},
            {"role": "user", "content": [{"type": "input_text", "text": INPUT}]},
            {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed",
             "content": [{"type": "output_text", "text": "Hi", "annotations": [], "logprobs": []}]},
            {"type": "message", "role": "user", "content": "Bye"}, {"type": "web_search_call", "id": "ws_1", "status": "completed"},
        ]
        self.assertEqual(self.tokens(items), wanted)

    def test_what_changes_nothing(self):
        text = self.create().output_text
        before = metrics(self.server)["jamba_ignored_members_total"]
        for options in [
            {"store": False, "include": ["reasoning.encrypted_content"], "prompt_cache_key": "x", "reasoning": {"effort": "low", "summary": "auto"}},
            {"text": {"verbosity": "medium", "format": {"type": "text"}}, "service_tier": "auto", "max_tool_calls": 3, "tools": []},
            {"truncation": "disabled", "background": False, "safety_identifier": "x", "tool_choice": "none", "tools": [TOOL]},
        ]:
            self.assertEqual(self.create(**options).output_text, text, options)
        self.assertEqual(metrics(self.server)["jamba_ignored_members_total"], before)
        for options in [
            {"text": {"verbosity": "low"}}, {"extra_body": {"client_metadata": {}}}, {"tools": [{"type": "web_search"}]},
            {"tools": [{"type": "custom", "name": "apply_patch", "format": {"type": "grammar", "syntax": "lark", "definition": "start: /x/"}}]},
        ]:
            self.assertEqual(self.create(**options).output_text, text, options)
        self.assertEqual(metrics(self.server)["jamba_ignored_members_total"], before + 4)

    def test_forms(self):
        class Answer(pydantic.BaseModel):
            a: bool
        parsed = self.client.responses.parse(model=self.name, input=INPUT, text_format=Answer, max_output_tokens=200)
        self.assertIsInstance(parsed.output_parsed, Answer)
        answer = self.create(text={"format": {"type": "json_object"}}, max_output_tokens=60, temperature=1)
        self.assertTrue(answer.output_text.startswith("{"))

    def test_probabilities(self):
        wanted = [entry.logprob for entry in self.chat(logprobs=True, top_logprobs=3).choices[0].logprobs.content]
        options = {"include": ["message.output_text.logprobs"], "top_logprobs": 3}
        found = self.create(**options).output[0].content[0].logprobs
        self.assertEqual([entry.logprob for entry in found], wanted)
        self.assertEqual({len(entry.top_logprobs) for entry in found}, {3})
        events = list(self.create(**options, stream=True))
        self.assertEqual([entry.logprob for event in events if event.type == "response.output_text.delta" for entry in event.logprobs], wanted)

    def test_stored(self):
        first = self.create(instructions="Be brief.")
        kept = self.client.responses.retrieve(first.id)
        self.assertEqual(kept, first)
        second = self.create("And then?", previous_response_id=first.id)
        # Instructions are a request's own.
        turns = [*QUESTION, {"role": "assistant", "content": first.output_text}, {"role": "user", "content": "And then?"}]
        wanted = self.chat(turns)
        self.assertEqual((second.output_text, second.usage.input_tokens), (wanted.choices[0].message.content, wanted.usage.prompt_tokens))
        self.assertEqual(second.previous_response_id, first.id)
        items = self.client.responses.input_items.list(second.id, order="asc").data
        self.assertEqual([item.content if isinstance(item.content, str) else item.content[0].text for item in items], [INPUT, first.output_text, "And then?"])
        page = self.client.responses.input_items.list(second.id, limit=2)
        self.assertEqual([page.data[0].content, page.has_more], ["And then?", True])
        self.assertEqual(len(list(self.client.responses.input_items.list(second.id, limit=2))), 3)
        referred = self.create([{"type": "item_reference", "id": item.id} for item in items])
        self.assertEqual(referred.output_text, second.output_text)
        third = self.create("End it.", previous_response_id=second.id, stream=True)
        self.assertEqual(self.check(list(third)).usage.input_tokens, self.tokens(
            turns + [{"role": "assistant", "content": second.output_text}, {"role": "user", "content": "End it."}]))
        self.client.responses.delete(first.id)
        for call in [self.client.responses.retrieve, self.client.responses.delete, self.client.responses.input_items.list]:
            with self.assertRaises(openai.NotFoundError) as caught:
                call(first.id)
            self.assertIn(f"Response with id '{first.id}' not found.", caught.exception.body["message"])
        # A later one has all of its conversation.
        self.assertEqual(self.create("And then?", previous_response_id=second.id).status, "incomplete")
        with self.assertRaises(openai.NotFoundError):
            self.client.responses.retrieve(self.create(store=False).id)

    def assertFails(self, parameter, code=None, kind=openai.BadRequestError, **options):
        with self.assertRaises(kind) as caught:
            self.create(**options)
        self.assertEqual(caught.exception.param, parameter, caught.exception)
        if code:
            self.assertEqual(caught.exception.code, code)

    def test_errors(self):
        self.assertFails("previous_response_id", "previous_response_not_found", previous_response_id="resp_1")
        self.assertFails("input", kind=openai.NotFoundError, input=[{"type": "item_reference", "id": "msg_1"}])
        self.assertFails("input", "context_length_exceeded", input="ball " * 20000)
        self.assertFails("input", "missing_required_parameter", input=[])
        self.assertFails("input[1].role", input=[*QUESTION, {"role": "robot", "content": "x"}])
        self.assertFails("input[0].content", input=[{"role": "user", "content": [{"type": "input_image", "image_url": "data:"}]}])
        self.assertFails("input[0].name", input=[{"type": "function_call", "call_id": "a", "arguments": "{}"}])
        self.assertFails("background", "unsupported_parameter", background=True)
        self.assertFails("conversation", "unsupported_parameter", conversation="conv_1")
        self.assertFails("truncation", truncation="middle")
        self.assertFails("text.format.type", text={"format": {"type": "xml"}})
        self.assertFails("text.format", "invalid_schema", text={"format": {"type": "json_schema", "name": "x", "schema": {"type": "nothing"}}})
        self.assertFails("tool_choice", tools=[{"type": "web_search"}], tool_choice="required")
        self.assertFails("tool_choice", tools=[{"type": "web_search"}], tool_choice={"type": "web_search"})
        self.assertFails("tools[1].name", tools=[{"type": "web_search"}, {"type": "function", "name": "a b", "parameters": {}}])


class ResponsesTools(ResponsesMixin, WithTemplate):
    template = CALLING

    def call(self, **options):
        return self.create(**{"tools": [TOOL, TIME, {"type": "local_shell"}], "max_output_tokens": 300, "temperature": 1, "extra_body": {"seed": 4}, **options})

    def test_calls(self):
        whole = self.call(tool_choice="required")
        self.assertEqual(whole.status, "completed")
        for item in whole.output:
            self.assertEqual((item.type, item.status), ("function_call", "completed"))
            self.assertIn(sorted(json.loads(item.arguments)), [["days", "place"], []])
        streamed = self.check(list(self.call(tool_choice="required", stream=True)))
        self.assertEqual([(i.name, i.arguments) for i in streamed.output], [(i.name, i.arguments) for i in whole.output])
        for choice in [{"type": "function", "name": "get_time"}, {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "get_time"}]}]:
            one = self.call(tool_choice=choice, parallel_tool_calls=False)
            self.assertEqual([item.name for item in one.output], ["get_time"])

    def test_arguments_come_as_they_are_made(self):
        with self.client.responses.stream(
                model=self.name, input=INPUT, tools=[TOOL, TIME], tool_choice="required", max_output_tokens=300, extra_body={"seed": 4}) as stream:
            events = list(stream)
            final = stream.get_final_response()
        for index, item in enumerate(final.output):
            pieces = [event.delta for event in events if event.type == "response.function_call_arguments.delta" and event.output_index == index]
            done = next(event for event in events if event.type == "response.function_call_arguments.done" and event.output_index == index)
            self.assertEqual(("".join(pieces), done.arguments, item.status), (item.arguments, item.arguments, "completed"))
            if item.name == "get_weather":
                self.assertGreater(len(pieces), 5)

    def test_a_call_that_is_cut(self):
        """A stream has handed out a part of it; a whole answer has none, and no conversation goes on from one."""
        cut = {"tool_choice": {"type": "function", "name": "get_weather"}, "max_output_tokens": 66}
        whole = self.call(**cut)
        self.assertEqual((whole.status, [item.type for item in whole.output], whole.output_text), ("incomplete", ["message"], ""))
        final = self.check(list(self.call(**cut, stream=True)))
        self.assertEqual((final.status, [(item.type, item.status) for item in final.output]), ("incomplete", [("function_call", "incomplete")]))
        self.assertTrue(final.output[0].arguments.startswith('{"'))
        with self.assertRaises(ValueError):
            json.loads(final.output[0].arguments)
        self.assertEqual(self.create("Go on.", previous_response_id=final.id).usage.input_tokens,
                         self.chat([*QUESTION, {"role": "user", "content": "Go on."}], max_tokens=1).usage.prompt_tokens)

    def test_namespaces(self):
        """The functions of a namespace are called by their own names, and are known by full ones to the model."""
        spaces = [{"type": "namespace", "name": name, "description": "Of a server.", "tools": [TIME]} for name in ["here", "mcp__there"]]
        first = self.call(tools=spaces, tool_choice={"type": "function", "name": "mcp__there__get_time"})
        item = first.output[0]
        self.assertEqual((item.namespace, item.name, item.arguments), ("mcp__there", "get_time", "{}"))
        streamed = self.check(list(self.call(tools=spaces, tool_choice={"type": "function", "name": "mcp__there__get_time"}, stream=True)))
        self.assertEqual((streamed.output[0].namespace, streamed.output[0].name), ("mcp__there", "get_time"))
        result = {"type": "function_call_output", "call_id": item.call_id, "output": "noon"}
        second = self.create([result], previous_response_id=first.id, tools=spaces)
        call = {"id": item.call_id, "type": "function", "function": {"name": "mcp__there__get_time", "arguments": "{}"}}
        tools = [{"type": "function", "function": {**CLOCK["function"], "name": name}} for name in ["here__get_time", "mcp__there__get_time"]]
        wanted = self.chat(QUESTION + [
            {"role": "assistant", "content": None, "tool_calls": [call]}, {"role": "tool", "tool_call_id": item.call_id, "content": "noon"}], tools=tools)
        self.assertEqual((second.output_text, second.usage.input_tokens), (wanted.choices[0].message.content, wanted.usage.prompt_tokens))
        with self.assertRaises(openai.BadRequestError) as caught:
            self.create(tools=[{**spaces[0], "tools": [TIME, {"type": "function", "name": "a b"}]}])
        self.assertEqual(caught.exception.param, "tools[0].tools[1].name")

    def test_turns(self):
        """Items of a turn are one message of the chat's; results go to the stored conversation."""
        first = self.call(tool_choice="required", parallel_tool_calls=False)
        item = first.output[0]
        result = {"type": "function_call_output", "call_id": item.call_id, "output": "noon"}
        by_store = self.create([result], previous_response_id=first.id, tools=[TOOL])
        by_hand = self.create([*QUESTION, item, result], tools=[TOOL], store=False)
        call = {"id": item.call_id, "type": "function", "function": {"name": item.name, "arguments": item.arguments}}
        chat = QUESTION + [{"role": "assistant", "content": None, "tool_calls": [call]}, {"role": "tool", "tool_call_id": item.call_id, "content": "noon"}]
        wanted = self.chat(chat, tools=[WEATHER])
        for answer in [by_store, by_hand]:
            self.assertEqual((answer.output_text, answer.usage.input_tokens), (wanted.choices[0].message.content, wanted.usage.prompt_tokens))
        parts = [
            *QUESTION, {"type": "reasoning", "id": "rs_1", "summary": [], "content": [{"type": "reasoning_text", "text": "Hm"}]},
            {"role": "assistant", "content": [{"type": "output_text", "text": "Let me see."}]}, item,
            {"type": "function_call_output", "call_id": item.call_id, "output": [{"type": "input_text", "text": "noon"}]},
        ]
        chat[1] = {**chat[1], "content": "Let me see.", "reasoning_content": "Hm"}
        self.assertEqual(self.create(parts, tools=[TOOL]).usage.input_tokens, self.chat(chat, tools=[WEATHER]).usage.prompt_tokens)


class ResponsesThoughts(ResponsesMixin, WithServer):
    arguments = ("--chat-template", THINKING)

    def test_thoughts(self):
        for seed in range(8):
            options = {"temperature": 1, "max_output_tokens": 60, "extra_body": {"seed": seed, "grammar": 'root ::= "yes"'}}
            plain = self.check(list(self.create(**options, stream=True)))
            if plain.output[0].type == "reasoning":
                summary = self.check(list(self.create(**options, stream=True, reasoning={"summary": "auto"})))
                self.assertEqual(plain.output[0].content[0].text, summary.output[0].summary[0].text)
                self.assertEqual((plain.output[0].summary, summary.output[0].content), ([], None))
                self.assertGreater(plain.usage.output_tokens_details.reasoning_tokens, 0)
                return
        self.fail("no answer has thoughts")

    def test_sealed(self):
        """Thoughts survive in a conversation that the client keeps, though it keeps nothing but the sealed text of them."""
        options = {"temperature": 1, "store": False, "include": ["reasoning.encrypted_content"], "max_output_tokens": 40}
        for seed in range(20):
            answer = self.create(**options, extra_body={"seed": seed})
            if answer.output[0].type == "reasoning":
                break
        item = answer.output[0].model_dump(exclude_none=True)
        turns = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}, {"role": "user", "content": "c"}]
        full, sealed, none = ([turns[0], *thoughts, *turns[1:]] for thoughts in [
            [{**item, "encrypted_content": None}], [{key: item[key] for key in ["id", "type", "summary", "encrypted_content"]}], []])
        prompts = [self.create(items, **options).usage.input_tokens for items in [full, sealed, none]]
        self.assertEqual(prompts[0], prompts[1])
