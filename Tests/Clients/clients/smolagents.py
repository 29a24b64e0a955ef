# packages: smolagents[openai]
from smolagents import OpenAIModel, Tool

from client import BASE, QUESTION, check, feature

model = OpenAIModel(model_id="demo", api_base=BASE, api_key="none", max_tokens=300)
MESSAGES = [{"role": "user", "content": [{"type": "text", "text": QUESTION}]}]


class Weather(Tool):
    name = "get_weather"
    description = "The weather of a place."
    inputs = {"place": {"type": "string", "description": "The place.", "enum": ["Rome", "Oslo"]}}
    output_type = "string"

    def forward(self, place: str) -> str:
        return "rain"


@feature("chat")
def _():
    check(model.generate(MESSAGES).content)


@feature("stream")
def _():
    check("".join(part.content or "" for part in model.generate_stream(MESSAGES)))


@feature("stop")
def _():
    check(model.generate(MESSAGES, stop_sequences=["Observation:", "<end_code>"]).content)


@feature("tools")
def _():
    check(model.generate(MESSAGES, tools_to_call_from=[Weather()]).tool_calls[0].function.name == "get_weather")
