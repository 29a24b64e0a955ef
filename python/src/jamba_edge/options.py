"""Options of models, sessions, answers and chats, as the library wants them."""

from __future__ import annotations

import ctypes
import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, TypedDict, Union

from . import _library as c
from .errors import Status, error
from .schema import Schema, SchemaSource, tool

CacheType = Literal["f32", "f16", "int8", "int4"]
Access = Literal["cached", "direct"]
ToolUse = Literal["free", "constrained", "required"]

CACHE_TYPES = {None: 0, "f32": 1, "f16": 2, "int8": 3, "int4": 4}
ACCESSES = {None: 0, "cached": 1, "direct": 2}
TOOL_USES = {"free": 0, "constrained": 1, "required": 2}


def choice(value: Any, choices: Mapping[Any, int], name: str) -> int:
    if value not in choices:
        known = ", ".join(repr(name) for name in choices if name is not None)
        raise error(Status.ARGUMENT, f"{name} is {value!r}; it is one of {known}")
    return choices[value]


@dataclasses.dataclass(frozen=True)
class Sampling:
    """How the next token is chosen from the logits. The default takes the most probable token every time.

    A field of 0 means the library's default, which docs/SAMPLING.md and jamba.h state, along with the ranges.

    Attributes:
        seed: same seed and same logits, same tokens, on every machine.
        logit_bias: what is added to tokens' logits.
        dry_sequence_breakers: texts that DRY's repetitions do not go across; None for the library's.
    """

    seed: int = 0
    temperature: float = 0
    top_p: float = 0
    min_p: float = 0
    repetition_penalty: float = 0
    repetition_window: int = 0
    top_k: int = 0
    frequency_penalty: float = 0
    presence_penalty: float = 0
    dry_multiplier: float = 0
    dry_base: float = 0
    dry_allowed_length: int = 0
    dry_penalty_last_n: int = 0
    xtc_probability: float = 0
    xtc_threshold: float = 0
    typical_p: float = 0
    dynatemp_range: float = 0
    dynatemp_exponent: float = 0
    top_n_sigma: float = 0
    mirostat: int = 0
    mirostat_tau: float = 0
    mirostat_eta: float = 0
    logit_bias: Mapping[int, float] = dataclasses.field(default_factory=dict)
    dry_sequence_breakers: Sequence[str] | None = None

    def struct(self) -> c.Sampling:
        values = c.Sampling()
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if field.name == "seed":
                values.seed = c.number(value, 64, field.name)
            elif field.name in ("logit_bias", "dry_sequence_breakers"):
                continue
            elif field.type == "int":
                setattr(values, field.name, c.number(value, 32, field.name))
            else:
                setattr(values, field.name, value)
        values.logit_bias_count = len(self.logit_bias)
        values.logit_bias = (c.LogitBias * len(self.logit_bias))(
            *(c.LogitBias(token=c.number(token, 31, "a token"), bias=bias) for token, bias in self.logit_bias.items()))
        if self.dry_sequence_breakers is not None:
            values.dry_sequence_breakers, values.dry_sequence_breaker_count = texts(self.dry_sequence_breakers, "a breaker")
        return values


def texts(values: Sequence[str], name: str) -> tuple[Any, int]:
    encoded = [c.text(value, name) for value in values]
    # One more, so that none is not NULL.
    return (ctypes.c_char_p * (len(encoded) + 1))(*encoded, None), len(encoded)


def generation(
    sampling: Sampling | None, max_tokens: int, stop: Sequence[str] | str, grammar: str | None, schema: Schema | None,
    ignore_end: bool,
) -> c.GenerationOptions:
    if max_tokens < 1:
        raise error(Status.ARGUMENT, f"max_tokens is {max_tokens}; it is at least 1")
    options = c.GenerationOptions(max_tokens=c.number(max_tokens, 32, "max_tokens"), flags=c.IGNORE_END if ignore_end else 0)
    if sampling is not None:
        options.sampling = ctypes.pointer(sampling.struct())
    options.stops, options.stop_count = texts([stop] if isinstance(stop, str) else stop, "a stop text")
    options.grammar = None if grammar is None else c.text(grammar, "the grammar")
    options.json_schema = None if schema is None else c.text(schema.text, "the schema")
    return options


class Message(TypedDict, total=False):
    """A turn of a conversation; `role` and `content` are always there.

    `role` is "system", "user", "assistant" or "tool": the program's word, never a user's. `tool_calls` is a list of
    `{"name": …, "arguments": {…}}`, as in `Piece.tool_calls`; OpenAI's form with "function" is taken, too.
    """

    role: str
    content: str
    reasoning: str
    tool_calls: Sequence[Mapping[str, Any]]
    name: str


Messages = Union[str, Mapping[str, Any], Sequence[Mapping[str, Any]]]
Tool = Union[Mapping[str, Any], Callable[..., Any]]


def messages(given: Messages) -> tuple[Any, int]:
    """A user's text, a message or a conversation as an array of C."""
    if isinstance(given, str):
        given = {"role": "user", "content": given}
    turns = [given] if isinstance(given, Mapping) else list(given)
    return (c.Message * len(turns))(*(_message(turn) for turn in turns)), len(turns)


def _message(turn: Mapping[str, Any]) -> c.Message:
    unknown = set(turn) - {"role", "content", "reasoning", "tool_calls", "name", "tool_call_id"}
    if unknown:
        raise error(Status.ARGUMENT, f"a message has {', '.join(sorted(unknown))}, which no message has")
    if not isinstance(turn.get("role"), str):
        raise error(Status.ARGUMENT, "a message has no role")
    calls = [_call(call) for call in turn.get("tool_calls") or ()]
    return c.Message(
        role=c.text(turn["role"], "a message's role"), content=c.text(turn.get("content") or "", "a message's content"),
        reasoning=_optional(turn.get("reasoning"), "a message's reasoning"),
        tool_calls=json.dumps(calls).encode() if calls else None, name=_optional(turn.get("name"), "a message's name"))


def _optional(value: str | None, name: str) -> bytes | None:
    return None if value is None else c.text(value, name)


def _call(call: Mapping[str, Any]) -> dict[str, Any]:
    function = call.get("function", call)
    arguments = function.get("arguments", {})
    return {"name": function.get("name"), "arguments": json.loads(arguments) if isinstance(arguments, str) else arguments}


def chat(
    tools: Sequence[Tool], tool_use: ToolUse, documents: Sequence[Mapping[str, Any]], variables: Mapping[str, Any],
    parse_special: bool, answer: bool = True,
) -> c.ChatOptions:
    return c.ChatOptions(
        tools=json.dumps([tool(each) for each in tools]).encode() if tools else None,
        documents=json.dumps(list(documents)).encode() if documents else None,
        variables=json.dumps(dict(variables)).encode() if variables else None,
        tool_use=choice(tool_use, TOOL_USES, "tool_use"),
        flags=(c.PARSE_SPECIAL if parse_special else 0) | (0 if answer else c.NO_ANSWER))


__all__ = ["Access", "CacheType", "Message", "Messages", "Sampling", "SchemaSource", "Tool", "ToolUse"]
