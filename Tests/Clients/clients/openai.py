# packages: openai pydantic
import asyncio
import typing

import openai
import pydantic

from client import BASE, QUESTION, check, check_form, feature

api = openai.OpenAI(base_url=BASE, api_key="none", max_retries=0)
MESSAGES = [{"role": "user", "content": QUESTION}]
TOOL = {"type": "function", "function": {"name": "get_weather", "parameters": {
    "type": "object", "properties": {"place": {"type": "string", "maxLength": 12}}, "required": ["place"]}}}


class Balls(pydantic.BaseModel):
    colour: typing.Literal["red", "blue"]
    count: typing.Annotated[int, pydantic.Field(ge=1, le=5)]


@feature("models")
def _():
    check(api.models.list().data[0].id == "demo")


@feature("chat")
def _():
    answer = api.chat.completions.create(model="gpt-4o", messages=MESSAGES, max_tokens=16)
    check(answer.choices[0].message.content and answer.usage.completion_tokens == 16)


@feature("stream")
def _():
    chunks = list(api.chat.completions.create(
        model="demo", messages=MESSAGES, max_tokens=16, stream=True, stream_options={"include_usage": True}))
    check("".join(chunk.choices[0].delta.content or "" for chunk in chunks[:-1]) and chunks[-1].usage.completion_tokens == 16)
    with api.chat.completions.stream(model="demo", messages=MESSAGES, response_format=Balls, max_tokens=200) as stream:
        check_form(stream.get_final_completion().choices[0].message.parsed.model_dump())


@feature("async")
async def _():
    async with openai.AsyncOpenAI(base_url=BASE, api_key="none") as other:
        answers = await asyncio.gather(*(other.chat.completions.create(model="demo", messages=MESSAGES, max_tokens=8) for _ in range(6)))
        check(all(answer.choices for answer in answers))


@feature("tools")
def _():
    answer = api.chat.completions.create(model="demo", messages=MESSAGES, tools=[TOOL], tool_choice="required", max_tokens=100)
    check(answer.choices[0].message.tool_calls[0].function.name == "get_weather")


@feature("schema")
def _():
    answer = api.chat.completions.parse(model="demo", messages=MESSAGES, response_format=Balls, max_tokens=200)
    check_form(answer.choices[0].message.parsed.model_dump())


@feature("logprobs")
def _():
    answer = api.chat.completions.create(model="demo", messages=MESSAGES, logprobs=True, top_logprobs=3, max_tokens=4)
    check(len(answer.choices[0].logprobs.content[0].top_logprobs) == 3)


@feature("completions")
def _():
    answer = api.completions.create(model="demo", prompt=["Once", "The ball"], echo=True, logprobs=2, max_tokens=2, n=2)
    check(len(answer.choices) == 4 and answer.choices[0].logprobs.token_logprobs[0] is None)


@feature("embeddings")
def _():
    vectors = api.embeddings.create(model="demo", input=["a ball", "a cake"]).data
    check(len(vectors) == 2 and abs(sum(value * value for value in vectors[0].embedding) - 1) < 1e-3)


@feature("responses")
def _():
    first = api.responses.create(model="demo", input=QUESTION, max_output_tokens=16)
    check(first.output_text)
    second = api.responses.create(model="demo", input="Go on.", previous_response_id=first.id, max_output_tokens=16)
    check(second.output_text)
    kinds = [event.type for event in api.responses.create(model="demo", input=QUESTION, max_output_tokens=16, stream=True)]
    check(kinds[0] == "response.created" and kinds[-1] in ["response.completed", "response.incomplete"])
    check_form(api.responses.parse(model="demo", input=QUESTION, text_format=Balls, max_output_tokens=200).output_parsed.model_dump())
