# packages: outlines[openai,ollama]
import typing

import ollama
import openai
import outlines
import pydantic

from client import BASE, QUESTION, URL, check, feature


class Balls(pydantic.BaseModel):
    colour: typing.Literal["red", "blue"]
    count: typing.Literal[1, 2, 3]


MODELS = [
    ("OpenAI's", outlines.from_openai(openai.OpenAI(base_url=BASE, api_key="none", max_retries=0), "demo"), {"max_tokens": 200}),
    ("vLLM's", outlines.from_vllm(openai.OpenAI(base_url=BASE, api_key="none", max_retries=0), "demo"), {"max_tokens": 200}),
    ("Ollama's", outlines.from_ollama(ollama.Client(URL), "demo"), {"options": {"num_predict": 200}}),
]
for name, model, options in MODELS:

    @feature(f"{name}: chat")
    def _():
        check(model(QUESTION, **options))

    @feature(f"{name}: stream")
    def _():
        check("".join(model.stream(QUESTION, **options)))

    @feature(f"{name}: schema")
    def _():
        Balls.model_validate_json(model(QUESTION, Balls, **options))


@feature("vLLM's: pattern, choice")
def _():
    model = MODELS[1][1]
    check(model(QUESTION, outlines.types.Regex("[0-9]{3}"), max_tokens=8).isdigit())
    check(model(QUESTION, typing.Literal["red", "blue"], max_tokens=8) in ["red", "blue"])
