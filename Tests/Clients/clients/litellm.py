# packages: litellm
import json

import litellm

from client import BASE, QUESTION, SCHEMA, URL, check, check_form, feature

MESSAGES = [{"role": "user", "content": QUESTION}]
OPTIONS = {"messages": MESSAGES, "model": "openai/demo", "api_base": BASE, "api_key": "none", "max_tokens": 100}
TOOL = {"type": "function", "function": {"name": "balls", "description": "Balls.", "parameters": SCHEMA}}


@feature("chat")
def _():
    check(litellm.completion(**OPTIONS).choices[0].message.content)


@feature("stream")
def _():
    check("".join(part.choices[0].delta.content or "" for part in litellm.completion(**OPTIONS, stream=True)))


@feature("tools")
def _():
    call = litellm.completion(**OPTIONS, tools=[TOOL], tool_choice="required").choices[0].message.tool_calls[0]
    check_form(json.loads(call.function.arguments))


@feature("schema")
def _():
    form = {"type": "json_schema", "json_schema": {"name": "balls", "schema": SCHEMA, "strict": True}}
    check_form(json.loads(litellm.completion(**OPTIONS, response_format=form).choices[0].message.content))


@feature("text completion")
def _():
    answer = litellm.text_completion(model="text-completion-openai/demo", prompt="Once upon", api_base=BASE, api_key="none", max_tokens=4, echo=True)
    check(answer.choices[0].text.startswith("Once upon"))


@feature("embeddings")
def _():
    check(len(litellm.embedding(model="openai/demo", input=["a ball"], api_base=BASE, api_key="none").data) == 1)


@feature("responses")
def _():
    check(litellm.responses(model="openai/demo", input=QUESTION, api_base=BASE, api_key="none", max_output_tokens=16).output)


@feature("as Anthropic's")
def _():
    check(litellm.completion(messages=MESSAGES, model="anthropic/demo", api_base=URL, api_key="none", max_tokens=16).choices[0].message.content)


@feature("as Ollama's")
def _():
    check(litellm.completion(messages=MESSAGES, model="ollama_chat/demo", api_base=URL, max_tokens=16).choices[0].message.content)
