# packages: magentic[anthropic]
import os
import typing

import pydantic

from client import BASE, QUESTION, URL, check, feature

os.environ["ANTHROPIC_BASE_URL"] = URL
from magentic import FunctionCall, StreamedStr, prompt  # noqa: E402
from magentic.chat_model.anthropic_chat_model import AnthropicChatModel  # noqa: E402
from magentic.chat_model.openai_chat_model import OpenaiChatModel  # noqa: E402

MODELS = [
    ("OpenAI's", OpenaiChatModel("demo", base_url=BASE, api_key="none", max_tokens=200)),
    ("Anthropic's", AnthropicChatModel("demo", base_url=URL, api_key="none", max_tokens=200)),
]


class Balls(pydantic.BaseModel):
    colour: typing.Literal["red", "blue"]
    count: typing.Literal[1, 2, 3]


def count(colour: typing.Literal["red", "blue"]) -> int:
    """Counts balls."""
    return 7


for name, model in MODELS:

    @feature(f"{name}: chat")
    def _():
        @prompt(QUESTION, model=model)
        def tell() -> str: ...
        check(tell())

    @feature(f"{name}: stream")
    def _():
        @prompt(QUESTION, model=model)
        def tell() -> StreamedStr: ...
        check("".join(tell()))

    @feature(f"{name}: schema")
    def _():
        @prompt(QUESTION, model=model)
        def balls() -> Balls: ...
        check(balls().count in [1, 2, 3])

    @feature(f"{name}: tools")
    def _():
        @prompt(QUESTION, functions=[count], model=model)
        def call() -> FunctionCall[int]: ...
        check(call()() == 7)
