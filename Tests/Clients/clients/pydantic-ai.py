# packages: pydantic-ai-slim[openai,anthropic]
import typing

import pydantic
from pydantic_ai import Agent, NativeOutput, ToolOutput
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.providers.openai import OpenAIProvider

from client import BASE, QUESTION, check, feature

provider = OpenAIProvider(base_url=BASE, api_key="none")
model = OpenAIChatModel("demo", provider=provider)
SHORT = {"max_tokens": 24}


class Balls(pydantic.BaseModel):
    colour: typing.Literal["red", "blue"]
    count: typing.Annotated[int, pydantic.Field(ge=1, le=5)]


@feature("chat")
def _():
    check(Agent(model, instructions="Be brief.").run_sync(QUESTION, model_settings=SHORT).output)


@feature("stream")
async def _():
    async with Agent(model).run_stream(QUESTION, model_settings=SHORT) as result:
        check([text async for text in result.stream_text()][-1])


@feature("tools")
def _():
    check(Agent(model, output_type=ToolOutput(Balls)).run_sync(QUESTION, model_settings={"max_tokens": 200}).output.count in range(1, 6))


@feature("schema")
def _():
    check(Agent(model, output_type=NativeOutput(Balls)).run_sync(QUESTION, model_settings={"max_tokens": 200}).output.count in range(1, 6))


@feature("responses")
def _():
    check(Agent(OpenAIResponsesModel("demo", provider=provider)).run_sync(QUESTION, model_settings=SHORT).output)
