# packages: openai-agents
import sys
import typing

import agents
import agents.mcp
import openai
import pydantic

from client import BASE, QUESTION, check, feature

agents.set_tracing_disabled(True)
# Agents take an answer that a limit has cut for a failure.
LONG = agents.ModelSettings(max_tokens=1000)


def responses():
    return agents.OpenAIResponsesModel("demo", openai.AsyncOpenAI(base_url=BASE, api_key="none"))


def chat():
    return agents.OpenAIChatCompletionsModel("demo", openai.AsyncOpenAI(base_url=BASE, api_key="none"))


class Balls(pydantic.BaseModel):
    colour: typing.Literal["red", "blue"]


@agents.function_tool
def get_weather(place: typing.Literal["Rome", "Oslo"]) -> str:
    """The weather of a place."""
    return f"Rain in {place}."


def called(model):
    agent = agents.Agent(
        "a", model=model, tools=[get_weather], tool_use_behavior="stop_on_first_tool",
        model_settings=agents.ModelSettings(tool_choice="required", max_tokens=200, parallel_tool_calls=False))
    check(agents.Runner.run_sync(agent, QUESTION).final_output.startswith("Rain in "))


async def streamed(model):
    result = agents.Runner.run_streamed(agents.Agent("a", instructions="Be brief.", model=model, model_settings=LONG), QUESTION)
    kinds = {event.type async for event in result.stream_events()}
    check("raw_response_event" in kinds and result.final_output)


@feature("responses")
def _():
    check(agents.Runner.run_sync(agents.Agent("a", model=responses(), model_settings=LONG), QUESTION).final_output)


@feature("responses: stream")
async def _():
    await streamed(responses())


@feature("responses: tools")
def _():
    called(responses())


@feature("responses: schema")
def _():
    check(agents.Runner.run_sync(agents.Agent("a", model=responses(), output_type=Balls), QUESTION).final_output.colour)


@feature("chat")
def _():
    check(agents.Runner.run_sync(agents.Agent("a", model=chat(), model_settings=LONG), QUESTION).final_output)


@feature("chat: stream")
async def _():
    await streamed(chat())


@feature("chat: tools")
def _():
    called(chat())


MCP_SERVER = """
import sys
import typing
from mcp.server.mcpserver import MCPServer

server = MCPServer("weather")

@server.tool()
def get_weather(place: typing.Literal["Rome", "Oslo"], days: int = 1) -> str:
    "The weather of a place."
    return f"Rain in {place}."

server.run()
"""


@feature("MCP server's tools")
async def _():
    async with agents.mcp.MCPServerStdio({"command": sys.executable, "args": ["-c", MCP_SERVER]}, client_session_timeout_seconds=60) as server:
        agent = agents.Agent(
            "a", model=responses(), mcp_servers=[server], tool_use_behavior="stop_on_first_tool",
            model_settings=agents.ModelSettings(tool_choice="required", max_tokens=300, parallel_tool_calls=False))
        result = await agents.Runner.run(agent, QUESTION)
        check("Rain in " in str(result.final_output), result.final_output)
