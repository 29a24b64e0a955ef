# packages: langchain-anthropic
import typing

import pydantic
from langchain_anthropic import ChatAnthropic
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.tools import tool

from client import QUESTION, URL, check, feature

model = ChatAnthropic(model="demo", base_url=URL, api_key="none", max_tokens=200, temperature=0, max_retries=0)


class Balls(pydantic.BaseModel):
    """Balls of a colour."""

    colour: typing.Literal["red", "blue"]
    # The package tells the model of a range in words alone.
    count: typing.Literal[1, 2, 3]


@tool
def get_weather(place: typing.Literal["Rome", "Oslo"]) -> str:
    """The weather of a place."""
    return "rain"


@feature("chat")
def _():
    check(model.invoke([("system", "Be brief."), ("human", QUESTION)]).content)


@feature("stream")
def _():
    check("".join(part.text if isinstance(part.text, str) else part.text() for part in model.stream(QUESTION)))


@feature("tools")
def _():
    bound = model.bind_tools([get_weather], tool_choice="any")
    parts = list(bound.stream(QUESTION))
    whole = parts[0]
    for part in parts[1:]:
        whole = whole + part
    call = whole.tool_calls[0]
    check(call["name"] == "get_weather" and call["args"]["place"] in ["Rome", "Oslo"])
    check(sum(bool(part.tool_call_chunks) for part in parts) > 2, "the arguments come at once")
    turns = [HumanMessage(QUESTION), AIMessage(whole.content, tool_calls=[call]), ToolMessage("rain", tool_call_id=call["id"])]
    check(model.bind_tools([get_weather]).invoke(turns).response_metadata["stop_reason"])


@feature("schema")
def _():
    for method in ["json_schema", "function_calling"]:
        check(model.with_structured_output(Balls, method=method).invoke(QUESTION).count in range(1, 6))
