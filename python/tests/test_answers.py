"""Answers as iterators: the same tokens as the program's, forms, tools, ends, and event loops."""

import asyncio
import dataclasses
import enum
import json
import time
import typing

import pytest

import jamba_edge

QUESTION = "Tell me a story about a red ball."


def test_generating_is_the_programs(demo, session):
    pieces = list(session.generate("Once upon a time", max_tokens=24, ignore_end=True))
    lines = jamba_edge.run("generate", demo, "--prompt", "Once upon a time", "-n", "24", "--ignore-eos", "--json").splitlines()
    printed = json.loads(lines[-1])
    assert [piece.token for piece in pieces if piece.token is not None] == printed["tokens"]
    assert len(printed["tokens"]) == 24


def test_chatting_is_the_programs(demo, session):
    answer = session.chat(QUESTION, max_tokens=32)
    text = answer.text()
    assert text == jamba_edge.run("chat", demo, "--prompt", QUESTION, "--temperature", "0", "-n", "32").rstrip("\n")
    assert answer.result == jamba_edge.Result("length", len(session.model.tokenize_chat(QUESTION)), 32)
    assert next(answer, None) is None


def test_draws_are_those_of_a_loop_of_ones_own(session):
    sampling = jamba_edge.Sampling(seed=3, temperature=0.9, top_k=50, top_p=0.9, logit_bias={300: -5})
    prompt = session.model.tokenize("Once upon a time")
    drawn = [piece.token for piece in session.generate(prompt, sampling=sampling, max_tokens=20, ignore_end=True)]
    session.reset()
    session.prefill(prompt)
    sampler = jamba_edge.Sampler(sampling)
    for token in (token for token in drawn if token is not None):
        assert session.sample(sampler) == token
        session.step(token)


def test_a_text_may_have_nul_bytes(session):
    nul = jamba_edge.Sampling(logit_bias={session.model.tokenize("\0", add_special=False)[-1]: 1000})
    assert session.generate("Once", sampling=nul, max_tokens=3, ignore_end=True).text() == "\0\0\0"


def test_a_piece_is_a_value(session):
    answer = session.generate("Once", max_tokens=2, ignore_end=True)
    first, second, *_ = answer
    assert first == jamba_edge.Piece(first.token, first.text) != second and hash(first) is not None
    assert str(first) == first.text and (first.reasoning, first.tool_calls) == ("", ())
    with pytest.raises(AttributeError):
        first.text = "other"


def test_stop_texts_end_an_answer(session):
    answer = session.chat(QUESTION, stop=["e"])
    assert "e" not in answer.text()
    assert answer.result.finish == "stop"


def test_a_conversation_goes_on(session):
    first = session.chat(QUESTION, max_tokens=16).text()
    turns = [{"role": "user", "content": QUESTION}, {"role": "assistant", "content": first}, {"role": "user", "content": "More."}]
    second = session.chat(turns, max_tokens=4)
    second.text()
    assert second.result.prompt_tokens == len(session.model.tokenize_chat(turns))


class Mood(enum.Enum):
    GLAD = "glad"
    SAD = "sad"


@dataclasses.dataclass
class Hero:
    name: str
    mood: Mood


@dataclasses.dataclass
class Story:
    heroes: typing.Annotated[list[Hero], {"maxItems": 2, "minItems": 1}]
    kind: typing.Literal["fable", "tale"]
    ending: bool | None = None


def test_a_dataclass_comes_back(session):
    short = {"maxLength": 6}
    schema = jamba_edge.Schema(Story)
    described = json.loads(schema.text)
    assert described["required"] == ["heroes", "kind"]
    assert described["properties"]["heroes"]["items"]["properties"] == {"name": {"type": "string"}, "mood": {"enum": ["glad", "sad"]}}
    described["properties"]["heroes"]["items"]["properties"]["name"] |= short
    text = session.chat(QUESTION, schema=described, max_tokens=200).text()
    story = schema.value(text)
    assert isinstance(story, Story) and isinstance(story.heroes[0], Hero) and isinstance(story.heroes[0].mood, Mood)
    assert story.kind in ("fable", "tale")


def test_an_answer_is_its_schemas_value(session):
    @dataclasses.dataclass
    class Choice:
        kind: typing.Literal["fable", "tale"]
        size: float

    Choice.__annotations__ = {"kind": typing.Literal["fable", "tale"], "size": typing.Annotated[float, {"enum": [1, 2.5]}]}
    chosen = session.chat(QUESTION, schema=Choice).value()
    assert isinstance(chosen, Choice) and chosen.size in (1, 2.5)
    assert session.chat(QUESTION, schema={"enum": [12, "ab"]}).value() in (12, "ab")


def test_a_pydantic_model_comes_back(session):
    pydantic = pytest.importorskip("pydantic")

    class Inner(pydantic.BaseModel):
        size: int = pydantic.Field(ge=1, le=3)

    class Thing(pydantic.BaseModel):
        kind: typing.Literal["ball", "dog"]
        inner: Inner

    thing = session.chat(QUESTION, schema=Thing).value()
    assert isinstance(thing, Thing) and 1 <= thing.inner.size <= 3


def test_what_has_no_schema_is_refused():
    for kind in (object, typing.Callable[[], int], set[int]):
        with pytest.raises(jamba_edge.ArgumentError, match="has no JSON schema"):
            jamba_edge.Schema(kind)


def get_weather(place: typing.Literal["Rome", "Oslo"], days: typing.Literal[1, 2]) -> str:
    """The weather of a place.

    More that models are not told.
    """
    return f"{place}: rain for {days} days"


def test_functions_are_tools(session):
    lively = jamba_edge.Sampling(temperature=1, seed=4)
    # The demo model would call for ever.
    with session.chat("How is the weather?", tools=[get_weather], tool_use="required", sampling=lively, max_tokens=400) as answer:
        calls = next(list(piece.tool_calls) for piece in answer if piece.tool_calls)
    assert {call["name"] for call in calls} == {"get_weather"}
    said = get_weather(**calls[0]["arguments"])
    turns = [
        {"role": "user", "content": "How is the weather?"}, {"role": "assistant", "content": "", "tool_calls": calls},
        {"role": "tool", "name": "get_weather", "content": said},
    ]
    assert said in session.model.format_chat(turns, tools=[get_weather])
    assert "More that" not in session.model.format_chat(turns, tools=[get_weather])


def test_async_pieces_are_the_same(session):
    async def collect(answer):
        return [piece async for piece in answer], answer.result

    there = list(session.chat(QUESTION, max_tokens=12))
    pieces, result = asyncio.run(collect(session.chat_async(QUESTION, max_tokens=12)))
    assert pieces == there and result.completion_tokens == 12
    session.reset()
    assert asyncio.run(session.generate_async("Once", max_tokens=4).text())


def test_two_tasks_answer_at_once(model):
    async def both():
        with model.session() as one, model.session() as two:
            return await asyncio.gather(*(each.chat_async(QUESTION, max_tokens=10).text() for each in (one, two)))

    one, two = asyncio.run(both())
    assert one == two


def test_a_cancelled_task_stops_its_prompt(session):
    async def cut():
        prompt = session.model.tokenize("All of this is a long text about a ball. " * 3000)
        task = asyncio.create_task(session.generate_async(prompt, max_tokens=10).text())
        await asyncio.sleep(0.2)
        start = time.monotonic()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return time.monotonic() - start

    assert asyncio.run(cut()) < 2
    assert session.tokens == []


def test_a_cancelled_task_stops_its_answer(session):
    async def cut():
        answer = session.generate_async("Once", max_tokens=100000, ignore_end=True)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3) if hasattr(asyncio, "timeout") else pytest.skip("needs Python 3.11"):
                async for _ in answer:
                    pass

    asyncio.run(cut())
    assert len(session.tokens) > 2
