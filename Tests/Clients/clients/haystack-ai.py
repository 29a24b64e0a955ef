# packages: haystack-ai
from haystack.components.embedders import OpenAITextEmbedder
from haystack.components.generators.chat import OpenAIChatGenerator
from haystack.dataclasses import ChatMessage
from haystack.tools import Tool
from haystack.utils import Secret

from client import BASE, QUESTION, SCHEMA, check, check_form, feature

KEY = Secret.from_token("none")
MESSAGES = [ChatMessage.from_user(QUESTION)]


def generator(**options):
    return OpenAIChatGenerator(api_key=KEY, model="demo", api_base_url=BASE, **options)


@feature("chat")
def _():
    check(generator(generation_kwargs={"max_tokens": 24}).run(MESSAGES)["replies"][0].text)


@feature("stream")
def _():
    parts = []
    generator(generation_kwargs={"max_tokens": 24}, streaming_callback=parts.append).run(MESSAGES)
    check("".join(part.content for part in parts))


@feature("tools")
def _():
    tool = Tool(name="balls", description="Balls.", parameters=SCHEMA, function=lambda **arguments: "done")
    reply = generator(tools=[tool], generation_kwargs={"max_tokens": 200, "tool_choice": "required"}).run(MESSAGES)["replies"][0]
    check_form(reply.tool_calls[0].arguments)


@feature("embeddings")
def _():
    check(OpenAITextEmbedder(api_key=KEY, model="demo", api_base_url=BASE).run("a ball")["embedding"])
