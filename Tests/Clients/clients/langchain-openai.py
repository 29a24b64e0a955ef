# packages: langchain-openai
import typing

import pydantic
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI, OpenAIEmbeddings

from client import BASE, QUESTION, check, feature

model = ChatOpenAI(model="demo", base_url=BASE, api_key="none", max_tokens=100, temperature=0)


class Balls(pydantic.BaseModel):
    """Balls of a colour."""

    colour: typing.Literal["red", "blue"]
    count: typing.Annotated[int, pydantic.Field(ge=1, le=5)]


@tool
def get_weather(place: typing.Literal["Rome", "Oslo"]) -> str:
    """The weather of a place."""
    return "rain"


@feature("chat")
def _():
    check(model.invoke(QUESTION).content)


@feature("stream")
def _():
    check("".join(part.content for part in model.stream(QUESTION)))


@feature("tools")
def _():
    check(model.bind_tools([get_weather], tool_choice="any", parallel_tool_calls=False).invoke(QUESTION).tool_calls[0]["name"] == "get_weather")


@feature("schema")
def _():
    for method in ["json_schema", "function_calling"]:
        check(model.with_structured_output(Balls, method=method).invoke(QUESTION).count in range(1, 6))


@feature("batch")
def _():
    check(len(model.bind(max_tokens=8).batch([QUESTION] * 5)) == 5)


@feature("responses")
def _():
    check(ChatOpenAI(
        model="demo", base_url=BASE, api_key="none", max_tokens=24, use_responses_api=True).invoke(QUESTION).content)


@feature("embeddings")
def _():
    api = OpenAIEmbeddings(model="demo", base_url=BASE, api_key="none", check_embedding_ctx_length=False)
    check(len(api.embed_documents(["a ball", "a cake"])) == 2)
