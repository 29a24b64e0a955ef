# packages: agno openai anthropic ollama
import typing

import pydantic
from agno.agent import Agent
from agno.models.anthropic import Claude
from agno.models.ollama import Ollama
from agno.models.openai import OpenAIResponses
from agno.models.openai.like import OpenAILike

from client import BASE, QUESTION, URL, check, feature


class Balls(pydantic.BaseModel):
    colour: typing.Literal["red", "blue"]
    count: typing.Literal[1, 2, 3]


MODELS = [
    ("chat", lambda: OpenAILike(id="demo", base_url=BASE, api_key="none", max_tokens=200)),
    ("responses", lambda: OpenAIResponses(id="demo", base_url=BASE, api_key="none", max_output_tokens=200)),
    ("Anthropic's", lambda: Claude(id="demo", api_key="none", max_tokens=200, client_params={"base_url": URL})),
    ("Ollama's", lambda: Ollama(id="demo", host=URL, options={"num_predict": 200})),
]


def count(colour: str) -> str:
    """Counts balls."""
    return "seven"


for name, model in MODELS:

    @feature(f"{name}: agent")
    def _():
        check(Agent(model=model(), tools=[count], telemetry=False, instructions="Be brief.").run(QUESTION).content)

    @feature(f"{name}: stream")
    def _():
        check([event for event in Agent(model=model(), telemetry=False).run(QUESTION, stream=True)])

    @feature(f"{name}: schema")
    def _():
        answer = Agent(model=model(), telemetry=False, output_schema=Balls).run(QUESTION).content
        check(isinstance(answer, Balls), f"{answer!r}")
