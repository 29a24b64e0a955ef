"""JSON schemas of Python types, and values back out of JSON.

Pydantic's models give their own schema. Dataclasses, TypedDicts and what they are made of are described here, so that
extraction needs no package beside this one.
"""

from __future__ import annotations

import dataclasses
import enum
import inspect
import json
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Union

from .errors import Status, error

SchemaSource = Union[Mapping[str, Any], str, type]
_PLAIN: dict[Any, dict[str, Any]] = {
    str: {"type": "string"}, int: {"type": "integer"}, float: {"type": "number"}, bool: {"type": "boolean"},
    type(None): {"type": "null"}, Any: {}, dict: {"type": "object"}, list: {"type": "array"},
}


class Schema:
    """A JSON schema and the values that fit it.

    Attributes:
        text: the schema as JSON.
    """

    text: str

    def __init__(self, source: SchemaSource) -> None:
        """
        Args:
            source: a schema as a dict or as JSON; a pydantic model; a dataclass, a TypedDict or a type made of them.
        Raises:
            ArgumentError: for a type that has no schema here.
        """
        self._source = source
        if isinstance(source, str):
            self.text = source
        elif isinstance(source, Mapping):
            self.text = json.dumps(source)
        elif hasattr(source, "model_json_schema"):
            self.text = json.dumps(source.model_json_schema())
        else:
            self.text = json.dumps(describe(source))

    def value(self, text: str) -> Any:
        """What a JSON text is as the schema's Python type: a model, a dataclass; for other schemas what `json.loads` makes."""
        if hasattr(self._source, "model_validate_json"):
            return self._source.model_validate_json(text)
        value = json.loads(text)
        return value if isinstance(self._source, (str, Mapping)) else build(self._source, value)


def describe(kind: Any) -> dict[str, Any]:
    """The schema of a type. Raises ArgumentError for one that has none, and for types that contain themselves."""
    return _describe(kind, ())


def _describe(kind: Any, around: tuple[Any, ...]) -> dict[str, Any]:
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Annotated:
        notes = [note for note in arguments[1:] if isinstance(note, Mapping)]
        described = _describe(arguments[0], around)
        for note in notes:
            described |= note
        texts = [note for note in arguments[1:] if isinstance(note, str)]
        return described | ({"description": texts[0]} if texts else {})
    if kind in around:
        raise error(Status.ARGUMENT, f"{kind.__name__} contains itself; give a schema with $ref instead")
    if origin is None and hasattr(kind, "model_json_schema"):
        return kind.model_json_schema()  # type: ignore[no-any-return]
    if dataclasses.is_dataclass(kind):
        hints = typing.get_type_hints(kind, include_extras=True)
        fields = {field.name: _describe(hints[field.name], (*around, kind)) for field in dataclasses.fields(kind)}
        return _object(fields, [field.name for field in dataclasses.fields(kind) if _is_required(field)])
    if typing.is_typeddict(kind):
        hints = typing.get_type_hints(kind, include_extras=True)
        return _object({name: _describe(hint, (*around, kind)) for name, hint in hints.items()}, sorted(kind.__required_keys__))
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return {"enum": [member.value for member in kind]}
    if origin is typing.Literal:
        return {"enum": list(arguments)}
    if origin in (Union, types.UnionType):
        return {"anyOf": [_describe(argument, around) for argument in arguments]}
    if origin in (list, Sequence) and arguments:
        return {"type": "array", "items": _describe(arguments[0], around)}
    if origin is tuple and len(arguments) == 2 and arguments[1] is ...:
        return {"type": "array", "items": _describe(arguments[0], around)}
    if origin in (dict, Mapping) and arguments and arguments[0] is str:
        return {"type": "object", "additionalProperties": _describe(arguments[1], around)}
    try:
        return dict(_PLAIN[kind])
    except (KeyError, TypeError):
        raise error(Status.ARGUMENT, f"{kind!r} has no JSON schema here; give one as a dict") from None


def _object(properties: dict[str, Any], required: Sequence[str]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(required), "additionalProperties": False}


def _is_required(field: dataclasses.Field[Any]) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def build(kind: Any, value: Any) -> Any:
    """A value of JSON that fits the schema of a type, as that type."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Annotated:
        return build(arguments[0], value)
    if dataclasses.is_dataclass(kind) and isinstance(value, dict):
        hints = typing.get_type_hints(kind, include_extras=True)
        return kind(**{name: build(hints[name], part) for name, part in value.items()})  # type: ignore[operator]
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return kind(value)
    if origin in (Union, types.UnionType):
        return next((build(argument, value) for argument in arguments if _fits(argument, value)), value)
    if origin in (list, Sequence, tuple) and arguments:
        parts = [build(arguments[0], part) for part in value]
        return tuple(parts) if origin is tuple else parts
    if origin in (dict, Mapping) and arguments:
        return {name: build(arguments[1], part) for name, part in value.items()}
    return float(value) if kind is float else value


def _fits(kind: Any, value: Any) -> bool:
    kind = typing.get_args(kind)[0] if typing.get_origin(kind) is typing.Annotated else kind
    if dataclasses.is_dataclass(kind):
        return isinstance(value, dict) and set(value) <= {field.name for field in dataclasses.fields(kind)}
    wanted = typing.get_origin(kind) or kind
    if isinstance(value, bool):
        return wanted is bool
    if wanted is float:
        return isinstance(value, (int, float))
    if isinstance(wanted, type) and issubclass(wanted, enum.Enum):
        return value in [member.value for member in wanted]
    return isinstance(value, wanted) if isinstance(wanted, type) else True


def tool(source: Mapping[str, Any] | Callable[..., Any]) -> dict[str, Any]:
    """A tool as chat templates want it: a dict as it is, a function by its name, its docstring's first line and its hints."""
    if isinstance(source, Mapping):
        return dict(source)
    hints = typing.get_type_hints(source, include_extras=True)
    parameters = inspect.signature(source).parameters
    missing = [name for name in parameters if name not in hints]
    if missing:
        raise error(Status.ARGUMENT, f"{source.__name__} does not say of what type {', '.join(missing)} is")
    required = [name for name, parameter in parameters.items() if parameter.default is inspect.Parameter.empty]
    function = {"name": source.__name__, "parameters": _object({name: describe(hints[name]) for name in parameters}, required)}
    lines = (inspect.getdoc(source) or "").splitlines()
    return {"type": "function", "function": function | ({"description": lines[0]} if lines else {})}
