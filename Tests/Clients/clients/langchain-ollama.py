# packages: langchain-ollama
import typing

import pydantic
from langchain_core.tools import tool
from langchain_ollama import ChatOllama, OllamaEmbeddings, OllamaLLM

from client import QUESTION, URL, check, feature

OPTIONS = {"model": "demo", "base_url": URL, "num_predict": 200, "temperature": 0.5, "num_ctx": 4096, "keep_alive": "5m", "seed": 1}
model = ChatOllama(**OPTIONS, validate_model_on_init=True)


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
    check(model.invoke([("system", "Be brief."), ("human", QUESTION)]).content)


@feature("stream")
def _():
    check("".join(part.content for part in model.stream(QUESTION)))


@feature("tools")
def _():
    check(model.bind_tools([get_weather]).invoke(QUESTION).response_metadata["done"])


@feature("schema")
def _():
    check(model.with_structured_output(Balls, method="json_schema").invoke(QUESTION).count in range(1, 6))
    check(model.with_structured_output(Balls, method="json_mode", include_raw=True).invoke(QUESTION)["raw"].content.startswith("{"))


@feature("complete")
def _():
    check(OllamaLLM(**OPTIONS).invoke("Once upon a time"))


@feature("embeddings")
def _():
    check(len(OllamaEmbeddings(model="demo", base_url=URL).embed_documents(["a ball", "a cake"])) == 2)
