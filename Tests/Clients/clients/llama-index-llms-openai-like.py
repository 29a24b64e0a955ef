# packages: llama-index-llms-openai-like
import typing

import pydantic
from llama_index.core.llms import ChatMessage
from llama_index.core.prompts import PromptTemplate
from llama_index.core.tools import FunctionTool
from llama_index.llms.openai_like import OpenAILike

from client import BASE, QUESTION, check, feature

model = OpenAILike(
    model="demo", api_base=BASE, api_key="none", is_chat_model=True, is_function_calling_model=True, max_tokens=100, context_window=4096)


class Balls(pydantic.BaseModel):
    """Balls of a colour."""

    colour: typing.Literal["red", "blue"]
    count: typing.Annotated[int, pydantic.Field(ge=1, le=5)]


def get_weather(place: typing.Literal["Rome", "Oslo"]) -> str:
    """The weather of a place."""
    return "rain in " + place


@feature("chat")
def _():
    check(model.chat([ChatMessage(role="user", content=QUESTION)]).message.content)


@feature("stream")
def _():
    check([part.delta for part in model.stream_chat([ChatMessage(role="user", content=QUESTION)])])


@feature("complete")
def _():
    check(OpenAILike(model="demo", api_base=BASE, api_key="none", is_chat_model=False, max_tokens=8).complete("Once").text)


@feature("tools")
def _():
    tool = FunctionTool.from_defaults(get_weather)
    check(str(model.predict_and_call([tool], QUESTION, tool_choice="required").response).startswith("rain in "))


@feature("schema")
def _():
    check(model.structured_predict(Balls, PromptTemplate(QUESTION)).count in range(1, 6))
