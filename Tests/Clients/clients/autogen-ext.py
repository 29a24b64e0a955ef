# packages: autogen-ext[openai] autogen-agentchat
import typing

import pydantic
from autogen_agentchat.agents import AssistantAgent
from autogen_core.models import UserMessage
from autogen_ext.models.openai import OpenAIChatCompletionClient

from client import BASE, QUESTION, check, feature

FACTS = {"vision": False, "function_calling": True, "json_output": True, "family": "unknown", "structured_output": True}
MESSAGES = [UserMessage(content=QUESTION, source="user")]


class Balls(pydantic.BaseModel):
    colour: typing.Literal["red", "blue"]


def model(**options):
    return OpenAIChatCompletionClient(model="demo", base_url=BASE, api_key="none", model_info=FACTS, **{"max_tokens": 24, **options})


@feature("chat")
async def _():
    check((await model().create(MESSAGES)).content)


@feature("stream")
async def _():
    check([part async for part in model().create_stream(MESSAGES)])


@feature("schema")
async def _():
    check(Balls.model_validate_json((await model(max_tokens=200).create(MESSAGES, json_output=Balls)).content))


@feature("agent")
async def _():
    check((await AssistantAgent("a", model_client=model()).run(task=QUESTION)).messages[-1].content)
