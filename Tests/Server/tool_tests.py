"""Calls of tools and thoughts, which are parted from an answer's text."""
import json

import openai

from harness import QUESTION, REPOSITORY, WEATHER, WithServer, WithTemplate, post

THINKING = str(REPOSITORY / "Tests/JambaTemplateTests/Fixtures/chatml_think.jinja")
# The demo's template, with calls.
CALLING = (REPOSITORY / "Tests/Server/calling.jinja").read_text()
CLOCK = {
    "type": "function",
    "function": {"name": "get_time", "parameters": {"type": "object", "properties": {}, "additionalProperties": False}},
}


class Tools(WithTemplate):
    template = CALLING
    arguments = ("--sessions", "2")

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
        calls, reason, pieces = self.streamed(tool_choice="required")
        self.assertEqual(reason, "tool_calls")
        self.assertGreater(pieces, 2 * len(calls), "arguments come as they are made")
        self.assertEqual(calls, [[call.function.name, call.function.arguments] for call in whole.message.tool_calls])

    def streamed(self, **options):
        """Names and arguments of calls, the end's reason, and how many pieces the arguments came in."""
        calls, reason, pieces = [], None, 0
        for chunk in self.call(stream=True, **options):
            parts = chunk.choices[0].delta.tool_calls or []
            self.assertLessEqual(len(parts), 1)
            for part in parts:
                if part.index == len(calls):
                    self.assertTrue(part.id and part.type == "function")
                    self.assertEqual(part.function.arguments, "")
                    calls.append([part.function.name, ""])
                else:
                    self.assertEqual((part.index, part.id, part.function.name), (len(calls) - 1, None, None))
                    calls[-1][1] += part.function.arguments
                    pieces += 1
            reason = chunk.choices[0].finish_reason or reason
        return calls, reason, pieces

    def test_refusals(self):
        bad = openai.BadRequestError
        self.assertRefused(bad, "invalid_value", "tool_choice", tool_choice="required")
        self.assertRefused(bad, "invalid_value", "tool_choice", tools=[CLOCK], tool_choice={"type": "function", "function": {"name": "x"}})
        self.assertRefused(bad, "invalid_value", "tools[1].function.name", tools=[CLOCK, CLOCK])
        strange = {"type": "function", "function": {"name": "f", "parameters": {"not": {}}, "strict": True}}
        self.assertRefused(bad, "invalid_schema", "tools", tools=[strange], tool_choice="required")
        self.assertRefused(bad, "invalid_schema", "tools", tools=[strange])

    def test_a_form_or_a_call(self):
        """With a form an answer has it, or is a call."""
        schema = {"type": "object", "properties": {"a": {"enum": [1, 2]}}, "required": ["a"], "additionalProperties": False}
        form = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
        called = 0
        for seed in range(12):
            answer = self.chat(tools=[WEATHER, CLOCK], response_format=form, max_tokens=200, temperature=2, seed=seed).choices[0]
            calls = answer.message.tool_calls or []
            if calls:
                self.check(calls)
                self.assertIn(answer.message.content, [None, ""])
            else:
                self.assertIn(json.loads(answer.message.content), [{"a": 1}, {"a": 2}])
            called += bool(calls)
        self.assertIn(called, range(1, 12))
        answer = self.call(tool_choice="required", response_format=form).choices[0]
        self.check(answer.message.tool_calls)

    def test_tools_without_parameters(self):
        for parameters in [{}, {"parameters": None}, {"parameters": {}}]:
            tool = {"type": "function", "function": {"name": "now", **parameters}}
            answer = self.chat(tools=[tool], tool_choice="required", max_tokens=60, extra_body={"parallel_tool_calls": False}).choices[0]
            self.assertEqual([(call.function.name, call.function.arguments) for call in answer.message.tool_calls], [("now", "{}")])

    def test_parameters_that_no_grammar_holds(self):
        tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {"a": {"pattern": "(a)\\1"}}}}}
        answer = self.chat(tools=[tool], parallel_tool_calls=False).choices[0]
        self.assertIn(answer.finish_reason, ["stop", "length", "tool_calls"])
        self.assertRefused(openai.BadRequestError, "invalid_schema", "tools", tools=[tool], tool_choice="required")

    def test_choices_of_tools(self):
        name = "get_time"
        for choice in [
            {"type": "function", "name": name}, {"type": "tool", "name": name},
            {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [{"type": "function", "function": {"name": name}}]}},
            {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": name}]},
        ]:
            answer = self.call(extra_body={"tool_choice": choice, "parallel_tool_calls": False}).choices[0]
            self.assertEqual([call.function.name for call in answer.message.tool_calls], [name], choice)
        for word in ["any", {"type": "any"}, {"type": "required"}]:
            self.check(self.call(extra_body={"tool_choice": word}).choices[0].message.tool_calls)
        self.assertIsNone(self.call(extra_body={"tool_choice": {"type": "none"}}).choices[0].message.tool_calls)
        flat = {"type": "function", **CLOCK["function"]}
        answer = self.chat(tools=[flat], tool_choice="required", max_tokens=120).choices[0]
        self.check(answer.message.tool_calls)

    def test_a_call_that_is_cut(self):
        answer = self.chat(tools=[WEATHER], tool_choice="required", max_tokens=6).choices[0]
        self.assertEqual((answer.finish_reason, answer.message.content), ("length", ""))

    def test_history_without_arguments(self):
        def prompt(arguments):
            call = {"id": "c", "type": "function", "function": {"name": "get_time", "arguments": arguments}}
            turns = QUESTION + [{"role": "assistant", "content": None, "tool_calls": [call]}, {"role": "tool", "tool_call_id": "c", "content": "noon"}]
            return post(self.server, "/apply-template", {"messages": turns})[1]["prompt"]
        self.assertIn('"arguments": {}', prompt("{}"))
        for arguments in ["", None, {}]:
            self.assertEqual(prompt(arguments), prompt("{}"))


class GenericTools(WithServer):
    """The demo's own template knows no tools."""

    call, check, streamed = Tools.call, Tools.check, Tools.streamed

    def test_calls(self):
        self.assertTrue(self.client.models.list().data[0].model_extra["jamba"]["supports_tools"])
        once = {"tool_choice": "required", "parallel_tool_calls": False}
        whole = self.call(**once).choices[0]
        self.assertEqual((whole.finish_reason, whole.message.content), ("tool_calls", None))
        self.check(whole.message.tool_calls)
        calls, reason, _ = self.streamed(**once)
        self.assertEqual(calls, [[call.function.name, call.function.arguments] for call in whole.message.tool_calls])
        self.assertEqual(reason, "tool_calls")
        named = self.call(tool_choice={"type": "function", "function": {"name": "get_time"}}).choices[0]
        self.assertEqual([call.function.name for call in named.message.tool_calls], ["get_time"])

    def test_answers(self):
        for seed in range(4):
            options = {"tools": [WEATHER, CLOCK], "max_tokens": 60, "temperature": 1, "seed": seed}
            message = self.chat(**options).choices[0].message
            streamed = "".join(chunk.choices[0].delta.content or "" for chunk in self.chat(stream=True, **options))
            self.assertEqual(streamed, message.content or "")
            self.assertNotIn("tool_calls", streamed)
            self.assertFalse(streamed.startswith("{"), streamed)

    def test_tools_that_do_not_fit(self):
        many = [
            {"type": "function", "function": {"name": f"f{number}", "description": "much to say " * 300}} for number in range(36)]
        self.assertEqual(self.chat(tools=many).choices[0].message.content, self.chat().choices[0].message.content)
        self.assertRefused(openai.BadRequestError, "context_length_exceeded", tools=many, tool_choice="required")


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
