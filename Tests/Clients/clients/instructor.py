# packages: instructor
import typing

import instructor
import openai
import pydantic

from client import BASE, QUESTION, check, feature

MESSAGES = [{"role": "user", "content": QUESTION}]


class Balls(pydantic.BaseModel):
    colour: typing.Literal["red", "blue"]
    count: typing.Annotated[int, pydantic.Field(ge=1, le=5)]


def created(mode):
    api = instructor.from_openai(openai.OpenAI(base_url=BASE, api_key="none"), mode=mode)
    return api.chat.completions.create(model="demo", messages=MESSAGES, response_model=Balls, max_retries=0, max_tokens=200)


@feature("tools")
def _():
    check(created(instructor.Mode.TOOLS).count in range(1, 6))


@feature("schema")
def _():
    check(created(instructor.Mode.JSON_SCHEMA).count in range(1, 6))


@feature("stream")
def _():
    api = instructor.from_openai(openai.OpenAI(base_url=BASE, api_key="none"), mode=instructor.Mode.JSON_SCHEMA)
    parts = list(api.chat.completions.create_partial(model="demo", messages=MESSAGES, response_model=Balls, max_retries=0))
    check(parts[-1].count in range(1, 6))
