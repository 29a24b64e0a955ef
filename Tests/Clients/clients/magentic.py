# packages: magentic
import typing

import pydantic
from magentic import FunctionCall, StreamedStr, prompt
from magentic.chat_model.openai_chat_model import OpenaiChatModel

from client import BASE, QUESTION, check, feature

model = OpenaiChatModel("demo", base_url=BASE, api_key="none", max_tokens=200)


class Balls(pydantic.BaseModel):
    colour: typing.Literal["red", "blue"]
    count: typing.Literal[1, 2, 3]


def count(colour: typing.Literal["red", "blue"]) -> int:
    """Counts balls."""
    return 7


@feature("chat")
def _():
    @prompt(QUESTION, model=model)
    def tell() -> str: ...
    check(tell())


@feature("stream")
def _():
    @prompt(QUESTION, model=model)
    def tell() -> StreamedStr: ...
    check("".join(tell()))


@feature("schema")
def _():
    @prompt(QUESTION, model=model)
    def balls() -> Balls: ...
    check(balls().count in [1, 2, 3])


@feature("tools")
def _():
    @prompt(QUESTION, functions=[count], model=model)
    def call() -> FunctionCall[int]: ...
    check(call()() == 7)
