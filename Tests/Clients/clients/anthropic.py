# packages: anthropic
import anthropic

from client import QUESTION, SCHEMA, URL, check, check_form, feature

api = anthropic.Anthropic(base_url=URL, api_key="none", max_retries=0)
OPTIONS = {"model": "claude-sonnet-4-5", "max_tokens": 16, "messages": [{"role": "user", "content": QUESTION}]}


@feature("chat")
def _():
    answer = api.messages.create(**OPTIONS, system="Be brief.")
    check(answer.content[0].text and answer.stop_reason == "max_tokens" and answer.usage.output_tokens == 16)


@feature("stream")
def _():
    with api.messages.stream(**OPTIONS) as stream:
        check("".join(stream.text_stream) == stream.get_final_message().content[0].text)


@feature("tools")
def _():
    tool = {"name": "balls", "description": "Counts balls.", "input_schema": SCHEMA}
    answer = api.messages.create(**{**OPTIONS, "max_tokens": 200}, tools=[tool], tool_choice={"type": "any"})
    call = answer.content[-1]
    check(answer.stop_reason == "tool_use" and call.name == "balls")
    check_form(call.input)


@feature("count_tokens")
def _():
    check(api.messages.count_tokens(model="demo", messages=OPTIONS["messages"]).input_tokens > 5)


@feature("models")
def _():
    check(len(list(api.models.list())) == 1)
