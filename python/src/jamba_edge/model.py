"""A .jamba file in memory, and what it says of texts."""

from __future__ import annotations

import array
import ctypes
import dataclasses
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Union

import numpy
import numpy.typing

from . import _library as c
from . import options as given
from .errors import Status, error
from .options import Access, CacheType, Message, Messages, Sampling, Tool, ToolUse

if TYPE_CHECKING:
    from .session import Session

Tokens = Union[Sequence[int], numpy.typing.NDArray[numpy.integer[Any]]]
Path = Union[str, "os.PathLike[str]"]


@dataclasses.dataclass(frozen=True)
class Info:
    """What a model is.

    Attributes:
        vocabulary_count: logits after a token; ids are smaller than this.
        expert_count: of a mixture layer; 1 for a model without.
        context_limit: the longest text without a window, in tokens.
        begin_token: the token that begins a text; None for none.
        instruction_set: of the kernels in use, such as "avx2".
    """

    file_bytes: int
    vocabulary_count: int
    hidden_size: int
    layer_count: int
    attention_layer_count: int
    expert_count: int
    experts_per_token: int
    context_limit: int
    threads: int
    begin_token: int | None
    has_tokenizer: bool
    has_chat_template: bool
    instruction_set: str


@dataclasses.dataclass(frozen=True)
class Plan:
    """Every byte that a model and a text need.

    Attributes:
        limit, total, least: bytes: what may be used, the sum of `items`, the smallest limit that works for `context`.
        residency: "mapped", "owned", "experts" or "layers", as in jamba.h.
        items: bytes by name.
    """

    limit: int
    total: int
    least: int
    residency: str
    kept_layers: int
    layer_slots: int
    expert_slots: int
    context: int
    items: Mapping[str, int]


class Adapter:
    """A LoRA adapter that `jamba adapter` has written, in memory once, for any number of its model's sessions, which keep it.

    A context manager that closes itself.
    """

    path: str

    def __init__(self, path: str, handle: c.Handle) -> None:
        self._handle = handle
        self.path = path

    def close(self) -> None:
        """Frees it when no session has it any more. Closing again does nothing."""
        self._handle.free()

    def __enter__(self) -> Adapter:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


# Adapters of a session, each by itself or with what its changes are multiplied by.
Adapters = Sequence[Union[Adapter, "tuple[Adapter, float]"]]


class Model:
    """A model: immutable, and shared by any number of threads and sessions. A context manager that closes itself.

    Sessions keep what they need of a model that was closed. After `os.fork` a model is the parent's alone: the child opens its
    own, which shares the file's pages, or is started by spawn where the parent computes in several threads.
    """

    info: Info
    path: str

    def __init__(self, path: str, handle: c.Handle) -> None:
        self._handle = handle
        self.path = path
        raw = c.Info()
        c.call(c.library.jamba_model_info, handle.pointer, ctypes.byref(raw))
        fields = {field.name: getattr(raw, field.name) for field in dataclasses.fields(Info)}
        fields |= {name: bool(fields[name]) for name in ("has_tokenizer", "has_chat_template")}
        fields["begin_token"] = None if raw.begin_token < 0 else raw.begin_token
        fields["instruction_set"] = raw.instruction_set.decode()
        self.info = Info(**fields)

    @classmethod
    def open(
        cls, path: Path, *, memory: int = 0, snapshot_memory: int = 0, threads: int = 0, context: int = 0, chunk: int = 0,
        sessions: int = 0, window: int = 0, sinks: int = 0, cache_type: CacheType | None = None, draft: int = 0,
        access: Access | None = None, chat_template: str | None = None, draft_texts: Sequence[Path] = (), keep_uses: bool = False,
        progress: c.Progress | None = None,
    ) -> Model:
        """Opens a .jamba file, checks it and makes it ready to compute. Ctrl-C stops it.

        Args:
            memory: the most bytes that the process may use; 0 takes what its control group and the machine allow.
            snapshot_memory: the most bytes for snapshots of texts, from which prompts that begin alike start.
            threads: that compute; 0 is as many as the process may use. Does not change results.
            context: tokens of text that memory is kept for.
            chunk: the most tokens computed together. Does not change results.
            sessions: that memory is kept for; more work as long as there is some.
            window, sinks, cache_type, draft: what sessions have that do not say it themselves; see `session`.
            access: how weights are read that do not fit into memory.
            chat_template: instead of the model's own.
            draft_texts: files of text that answers are expected to repeat parts of, such as documentation or code: sessions with a
                `draft` guess from them, too. At most 16 MiB in all, which take three times as much memory. Do not change results.
            keep_uses: count which experts are used, in a file beside the model's, and begin with those used most where not all
                fit into memory. Does not change results.
            progress: called with bytes of weights done and in all; False stops.
        Raises:
            FileError, FormatError, OutOfMemoryError, TemplateError, ArgumentError; CancelledError by `progress`.
        """
        stop = c.Stop(progress)
        options = _model_options(
            memory, snapshot_memory, threads, context, chunk, sessions, window, sinks, cache_type, draft, access, chat_template,
            draft_texts, keep_uses)
        handle = c.Handle("model")
        place = os.fsencode(path)
        stop.run(lambda: c.call(
            c.library.jamba_model_open, place, ctypes.byref(options), ctypes.byref(stop.callbacks), handle.place()))
        return cls(os.fspath(path), handle)

    @staticmethod
    def plan(
        path: Path, *, memory: int = 0, snapshot_memory: int = 0, threads: int = 0, context: int = 0, chunk: int = 0,
        sessions: int = 0, window: int = 0, sinks: int = 0, cache_type: CacheType | None = None, draft: int = 0,
        access: Access | None = None, draft_texts: Sequence[Path] = (),
    ) -> Plan:
        """Where the memory would go if the file were opened with these options, which are those of `open`. Loads nothing.

        Raises:
            OutOfMemoryError: nothing works within `memory`; the sentence names the least that does.
        """
        options = _model_options(
            memory, snapshot_memory, threads, context, chunk, sessions, window, sinks, cache_type, draft, access, None, draft_texts,
            False)
        plan = c.Plan()
        c.call(c.library.jamba_model_plan, os.fsencode(path), ctypes.byref(options), ctypes.byref(plan))
        return Plan(
            plan.limit, plan.total, plan.least, ("mapped", "owned", "experts", "layers")[plan.residency - 1], plan.kept_layers,
            plan.layer_slots, plan.expert_slots, plan.context,
            {item.name.decode(): item.bytes for item in plan.items[:plan.item_count]})

    def adapter(self, path: Path) -> Adapter:
        """Loads an adapter for sessions of this model; its memory counts against the model's limit.

        Raises:
            FileError; FormatError for what is damaged, no adapter, or of another model; OutOfMemoryError.
        """
        handle = c.Handle("adapter")
        c.call(c.library.jamba_adapter_load, self._handle.pointer, os.fsencode(path), handle.place())
        return Adapter(os.fspath(path), handle)

    def session(
        self, *, window: int = 0, sinks: int = 0, cache_type: CacheType | None = None, chunk: int = 0,
        snapshot_interval: int = 0, draft: int = 0, adapters: Adapters = (),
    ) -> Session:
        """Starts a text.

        Args:
            window: of how many tokens, itself included, a token sees keys and values; with one a text may be of any length.
            sinks: how many tokens at the beginning are seen for ever; fewer than the window.
            cache_type: of keys and values; None is f32 beside weights in f32, else int8.
            chunk: tokens of a prompt computed together. Does not change results.
            snapshot_interval: tokens between snapshots of the text.
            draft: the most tokens that generating guesses ahead. Does not change results.
            adapters: what the session computes with beside the model's weights, added in this order, each with a scale or with 1.
        Raises:
            ArgumentError, OutOfMemoryError.
        """
        from .session import Session

        handle = c.Handle("session")
        options = _session_options(window, sinks, cache_type, chunk, snapshot_interval, draft, adapters)
        c.call(c.library.jamba_session_create, self._handle.pointer, ctypes.byref(options), handle.place())
        return Session(self, handle)

    def restore(
        self, path: Path, *, chunk: int = 0, snapshot_interval: int = 0, draft: int = 0, adapters: Adapters = (),
    ) -> Session:
        """Goes on with a session that `Session.save` kept, with the same bits as if it had never stopped.

        Raises:
            FileError, FormatError, OutOfMemoryError; JambaError of status FOREIGN_SESSION for one of another model file, or
            of other adapters.
        """
        from .session import Session

        handle = c.Handle("session")
        options = _session_options(0, 0, None, chunk, snapshot_interval, draft, adapters)
        c.call(
            c.library.jamba_session_restore, self._handle.pointer, os.fsencode(path), ctypes.byref(options), handle.place())
        return Session(self, handle)

    @property
    def end_tokens(self) -> list[int]:
        """The tokens that end a text or an answer, ascending."""
        return token_list(c.library.jamba_model_end_tokens, self._handle.pointer)

    def tokenize(self, text: str, *, add_special: bool = True, parse_special: bool = False) -> list[int]:
        """The tokens of a text of at most 64 MiB.

        Args:
            add_special: put the tokens around it that frame a text, such as the one that begins it.
            parse_special: names of control tokens become these tokens; leave it out for what a user typed.
        Raises:
            JambaError: of status MISSING for a model without a tokenizer.
        """
        content = c.utf8(text, "the text")
        flags = (c.ADD_SPECIAL if add_special else 0) | (c.PARSE_SPECIAL if parse_special else 0)
        return token_list(
            c.library.jamba_tokenize, self._handle.pointer, content, len(content), flags, expected=len(content) + 8)

    def detokenize(self, tokens: Tokens, *, skip_special: bool = False) -> str:
        """The text of tokens; bytes that are no UTF-8 become U+FFFD. Raises TokenError."""
        ids, count, _held = token_array(tokens)
        return _text(
            c.library.jamba_detokenize, self._handle.pointer, ids, count, c.SKIP_SPECIAL if skip_special else 0)

    def format_chat(
        self, messages: Messages, *, tools: Sequence[Tool] = (), documents: Sequence[Mapping[str, Any]] = (),
        variables: Mapping[str, Any] | None = None, parse_special: bool = False, answer: bool = True,
    ) -> str:
        """A conversation as the model's chat template prints it, to be read; `tokenize_chat` makes what goes to the model.

        Args:
            tools: dicts of OpenAI's form, or functions with type hints.
            documents: `{"title": …, "text": …}`, as the template wants them.
            variables: more variables of the template. The program's word: names of control tokens in it count.
            parse_special: names of control tokens in messages become those tokens.
            answer: end with what makes the model answer.
        Raises:
            TemplateError, ArgumentError.
        """
        turns, count = given.messages(messages)
        options = given.chat(tools, "free", documents, variables or {}, parse_special, answer)
        return _text(c.library.jamba_chat_format, self._handle.pointer, turns, count, ctypes.byref(options))

    def tokenize_chat(
        self, messages: Messages, *, tools: Sequence[Tool] = (), documents: Sequence[Mapping[str, Any]] = (),
        variables: Mapping[str, Any] | None = None, parse_special: bool = False, answer: bool = True,
    ) -> list[int]:
        """The tokens of that text, in which users' text makes no control tokens. Arguments and errors of `format_chat`."""
        turns, count = given.messages(messages)
        options = given.chat(tools, "free", documents, variables or {}, parse_special, answer)
        return token_list(c.library.jamba_chat_tokenize, self._handle.pointer, turns, count, ctypes.byref(options))

    def close(self) -> None:
        """Frees the model as soon as no session needs it."""
        self._handle.free()

    def __enter__(self) -> Model:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<jamba_edge.Model {self.path!r}>"


class Sampler:
    """Draws tokens for a loop of one's own: `token = session.sample(sampler)`. Two threads at a time are a BusyError."""

    def __init__(self, sampling: Sampling | None = None) -> None:
        """Raises ArgumentError for a value out of range."""
        self._handle = c.Handle("sampler")
        values = (sampling or Sampling()).struct()
        c.call(c.library.jamba_sampler_create, ctypes.byref(values), self._handle.place())


def _model_options(
    memory: int, snapshot_memory: int, threads: int, context: int, chunk: int, sessions: int, window: int, sinks: int,
    cache_type: CacheType | None, draft: int, access: Access | None, chat_template: str | None, draft_texts: Sequence[Path],
    keep_uses: bool,
) -> c.ModelOptions:
    paths = (ctypes.c_char_p * len(draft_texts))(*map(os.fsencode, draft_texts))
    return c.ModelOptions(
        memory=c.number(memory, 64, "memory"), snapshot_memory=c.number(snapshot_memory, 64, "snapshot_memory"),
        threads=c.number(threads, 32, "threads"), context=c.number(context, 32, "context"), chunk=c.number(chunk, 32, "chunk"),
        sessions=c.number(sessions, 32, "sessions"), window=c.number(window, 32, "window"), sinks=c.number(sinks, 32, "sinks"),
        cache_type=given.choice(cache_type, given.CACHE_TYPES, "cache_type"), draft=c.number(draft, 32, "draft"),
        access=given.choice(access, given.ACCESSES, "access"),
        chat_template=None if chat_template is None else c.text(chat_template, "the chat template"),
        draft_texts=ctypes.cast(paths, ctypes.POINTER(ctypes.c_char_p)), draft_text_count=len(draft_texts),
        keep_uses=int(bool(keep_uses)))


def _session_options(
    window: int, sinks: int, cache_type: CacheType | None, chunk: int, snapshot_interval: int, draft: int, adapters: Adapters,
) -> c.SessionOptions:
    applied = [(one, 1.0) if isinstance(one, Adapter) else one for one in adapters]
    pointers = (ctypes.c_void_p * len(applied))(*(adapter._handle.pointer.value for adapter, _ in applied))
    scales = (ctypes.c_float * len(applied))(*(scale for _, scale in applied))
    return c.SessionOptions(
        adapters=ctypes.cast(pointers, ctypes.POINTER(ctypes.c_void_p)),
        adapter_scales=ctypes.cast(scales, ctypes.POINTER(ctypes.c_float)), adapter_count=len(applied),
        chunk=c.number(chunk, 32, "chunk"), window=c.number(window, 32, "window"), sinks=c.number(sinks, 32, "sinks"),
        cache_type=given.choice(cache_type, given.CACHE_TYPES, "cache_type"),
        snapshot_interval=c.number(snapshot_interval, 32, "snapshot_interval"), draft=c.number(draft, 32, "draft"))


def token_array(tokens: Tokens) -> tuple[int, int, object]:
    """Tokens as the library reads them: their address, their count, and what holds them there; int32 arrays as they are."""
    if isinstance(tokens, list):
        # A short prompt would not pay for numpy.
        try:
            row = array.array("i", tokens)
        except OverflowError:
            raise error(Status.TOKEN, "a token is not within 32 bits") from None
        except TypeError:
            raise error(Status.ARGUMENT, "tokens are not one row of whole numbers") from None
        return *row.buffer_info(), row
    ids = numpy.asarray(tokens)
    if ids.ndim != 1 or (ids.size and not numpy.issubdtype(ids.dtype, numpy.integer)):
        raise error(Status.ARGUMENT, "tokens are not one row of whole numbers")
    if ids.dtype != numpy.int32 and ids.size and not -(2**31) <= int(ids.min()) <= int(ids.max()) < 2**31:
        raise error(Status.TOKEN, "a token is not within 32 bits")
    ids = numpy.ascontiguousarray(ids, numpy.int32)
    return ids.ctypes.data, len(ids), ids


def token_list(function: Any, *arguments: Any, expected: int = 0) -> list[int]:
    """What a function makes that stores tokens: into `expected` places at once, or counted first."""
    count = ctypes.c_size_t()
    if not expected:
        c.call(function, *arguments, None, 0, ctypes.byref(count))
        expected = count.value
    ids = numpy.empty(expected, numpy.int32)
    if expected:
        c.call(function, *arguments, ids.ctypes.data, expected, ctypes.byref(count))
    tokens: list[int] = ids[:count.value].tolist()
    return tokens


def _text(function: Any, *arguments: Any) -> str:
    length = ctypes.c_size_t()
    c.call(function, *arguments, None, 0, ctypes.byref(length))
    text = ctypes.create_string_buffer(length.value + 1)
    c.call(function, *arguments, text, len(text), ctypes.byref(length))
    return text.raw[:length.value].decode()


__all__ = ["Info", "Message", "Model", "Plan", "Sampler", "Tokens"]
