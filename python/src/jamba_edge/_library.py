"""libjamba.so as ctypes sees it: its structs, its functions, and the one place where they are called.

The structs are those of jamba.h; the tests compare them with the layouts that the C library's own tests keep.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import functools
import os
import pathlib
import threading
from collections.abc import Callable
from ctypes import POINTER, c_char, c_char_p, c_float, c_int, c_int32, c_size_t, c_uint32, c_uint64, c_void_p
from typing import Any, TypeVar

from .errors import JambaError, Status, error

ADD_SPECIAL, PARSE_SPECIAL, SKIP_SPECIAL, NO_ANSWER, IGNORE_END = 1, 2, 4, 8, 16


class Struct(ctypes.Structure):
    """A struct that begins with its size, which it sets itself."""

    def __init__(self, **fields: Any) -> None:
        super().__init__(struct_size=ctypes.sizeof(self), **fields)


class Piece(Struct):
    _fields_ = [
        ("struct_size", c_size_t), ("token", c_int32), ("reserved", c_int32), ("text", c_char_p), ("text_length", c_size_t),
        ("reasoning", c_char_p), ("reasoning_length", c_size_t), ("tool_calls", c_char_p),
    ]


ProgressFunction = ctypes.CFUNCTYPE(c_int, c_void_p, c_uint64, c_uint64)
CancelledFunction = ctypes.CFUNCTYPE(c_int, c_void_p)


class Callbacks(Struct):
    _fields_ = [
        ("struct_size", c_size_t), ("context", c_void_p), ("piece", c_void_p), ("progress", ProgressFunction),
        ("cancelled", CancelledFunction), ("log", c_void_p),
    ]


class ModelOptions(Struct):
    _fields_ = [
        ("struct_size", c_size_t), ("memory", c_uint64), ("snapshot_memory", c_uint64), ("threads", c_uint32),
        ("context", c_uint32), ("chunk", c_uint32), ("sessions", c_uint32), ("window", c_uint32), ("sinks", c_uint32),
        ("cache_type", c_int), ("draft", c_uint32), ("access", c_int), ("chat_template", c_char_p),
        ("draft_texts", POINTER(c_char_p)), ("draft_text_count", c_size_t), ("keep_uses", c_uint32),
    ]


class PlanItem(ctypes.Structure):
    _fields_ = [("name", c_char * 32), ("bytes", c_uint64)]


class Plan(Struct):
    _fields_ = [
        ("struct_size", c_size_t), ("limit", c_uint64), ("total", c_uint64), ("least", c_uint64), ("residency", c_int),
        ("kept_layers", c_uint32), ("layer_slots", c_uint32), ("expert_slots", c_uint32), ("context", c_uint32),
        ("item_count", c_uint32), ("items", PlanItem * 16),
    ]


class Info(Struct):
    _fields_ = [
        ("struct_size", c_size_t), ("file_bytes", c_uint64), ("vocabulary_count", c_uint32), ("hidden_size", c_uint32),
        ("layer_count", c_uint32), ("attention_layer_count", c_uint32), ("expert_count", c_uint32),
        ("experts_per_token", c_uint32), ("context_limit", c_uint32), ("threads", c_uint32), ("begin_token", c_int32),
        ("has_tokenizer", c_uint32), ("has_chat_template", c_uint32), ("instruction_set", c_char * 20),
    ]


class Message(ctypes.Structure):
    _fields_ = [(name, c_char_p) for name in ("role", "content", "reasoning", "tool_calls", "name")]


class ChatOptions(Struct):
    _fields_ = [
        ("struct_size", c_size_t), ("tools", c_char_p), ("documents", c_char_p), ("variables", c_char_p), ("tool_use", c_int),
        ("flags", c_uint32),
    ]


class SessionOptions(Struct):
    _fields_ = [
        ("struct_size", c_size_t), ("chunk", c_uint32), ("window", c_uint32), ("sinks", c_uint32), ("cache_type", c_int),
        ("snapshot_interval", c_uint32), ("draft", c_uint32), ("adapters", POINTER(c_void_p)), ("adapter_scales", POINTER(c_float)),
        ("adapter_count", c_size_t),
    ]


class LogitBias(ctypes.Structure):
    _fields_ = [("token", c_int32), ("bias", c_float)]


class Sampling(Struct):
    _fields_ = [
        ("struct_size", c_size_t), ("seed", c_uint64), ("temperature", c_float), ("top_p", c_float), ("min_p", c_float),
        ("repetition_penalty", c_float), ("repetition_window", c_uint32), ("top_k", c_uint32), ("frequency_penalty", c_float),
        ("presence_penalty", c_float), ("dry_multiplier", c_float), ("dry_base", c_float), ("dry_allowed_length", c_uint32),
        ("dry_penalty_last_n", c_uint32), ("xtc_probability", c_float), ("xtc_threshold", c_float), ("typical_p", c_float),
        ("dynatemp_range", c_float), ("dynatemp_exponent", c_float), ("top_n_sigma", c_float), ("mirostat", c_uint32),
        ("mirostat_tau", c_float), ("mirostat_eta", c_float), ("logit_bias", POINTER(LogitBias)),
        ("logit_bias_count", c_size_t), ("dry_sequence_breakers", POINTER(c_char_p)), ("dry_sequence_breaker_count", c_size_t),
    ]


class GenerationOptions(Struct):
    _fields_ = [
        ("struct_size", c_size_t), ("sampling", POINTER(Sampling)), ("stops", POINTER(c_char_p)), ("stop_count", c_size_t),
        ("grammar", c_char_p), ("json_schema", c_char_p), ("max_tokens", c_uint32), ("flags", c_uint32),
    ]


class Result(Struct):
    _fields_ = [
        ("struct_size", c_size_t), ("finish", c_int), ("prompt_tokens", c_uint32), ("completion_tokens", c_uint32),
    ]


STRUCTS = (
    Piece, Callbacks, ModelOptions, PlanItem, Plan, Info, Message, ChatOptions, SessionOptions, LogitBias, Sampling,
    GenerationOptions, Result,
)

_Handle, _Count = c_void_p, POINTER(c_size_t)
_ARGUMENTS: dict[str, list[Any]] = {
    "model_plan": [c_char_p, POINTER(ModelOptions), POINTER(Plan)],
    "model_open": [c_char_p, POINTER(ModelOptions), POINTER(Callbacks), POINTER(_Handle)],
    "model_info": [_Handle, POINTER(Info)],
    "model_end_tokens": [_Handle, c_void_p, c_size_t, _Count],
    "tokenize": [_Handle, c_char_p, c_size_t, c_uint32, c_void_p, c_size_t, _Count],
    "detokenize": [_Handle, c_void_p, c_size_t, c_uint32, c_void_p, c_size_t, _Count],
    "chat_format": [_Handle, POINTER(Message), c_size_t, POINTER(ChatOptions), c_void_p, c_size_t, _Count],
    "chat_tokenize": [_Handle, POINTER(Message), c_size_t, POINTER(ChatOptions), c_void_p, c_size_t, _Count],
    "adapter_load": [_Handle, c_char_p, POINTER(_Handle)],
    "session_create": [_Handle, POINTER(SessionOptions), POINTER(_Handle)],
    "session_restore": [_Handle, c_char_p, POINTER(SessionOptions), POINTER(_Handle)],
    "session_save": [_Handle, c_char_p, c_char_p, c_size_t],
    "session_note": [_Handle, c_void_p, c_size_t, _Count],
    "session_fork": [_Handle, POINTER(_Handle)],
    "session_rewind": [_Handle, c_size_t, POINTER(Callbacks)],
    "session_reset": [_Handle],
    "session_tokens": [_Handle, c_void_p, c_size_t, _Count],
    "prefill": [_Handle, c_void_p, c_size_t, POINTER(Callbacks)],
    "score": [_Handle, c_void_p, c_size_t, POINTER(Callbacks), c_void_p, c_void_p],
    "step": [_Handle, c_int32],
    "logits": [_Handle, c_void_p, c_size_t, _Count],
    "sampler_create": [POINTER(Sampling), POINTER(_Handle)],
    "sample": [_Handle, _Handle, POINTER(c_int32)],
    "generate_begin": [
        _Handle, c_void_p, c_size_t, POINTER(GenerationOptions), POINTER(Callbacks), POINTER(_Handle)],
    "chat_begin": [
        _Handle, POINTER(Message), c_size_t, POINTER(ChatOptions), POINTER(GenerationOptions), POINTER(Callbacks),
        POINTER(_Handle)],
}


def _load() -> ctypes.CDLL:
    """The library of this package, or where it was installed without one, LIBJAMBA's or the system's."""
    own = pathlib.Path(__file__).with_name("lib") / "libjamba.so.0"
    name = os.environ.get("LIBJAMBA") or (str(own) if own.exists() else ctypes.util.find_library("jamba"))
    if not name:
        raise ImportError("libjamba.so is not installed: install a wheel of jamba-edge, or set LIBJAMBA to the library")
    library = ctypes.CDLL(name)
    for function, arguments in _ARGUMENTS.items():
        getattr(library, "jamba_" + function).argtypes = arguments
    for kind in ("model", "adapter", "session", "sampler", "answer"):
        free = getattr(library, f"jamba_{kind}_free")
        free.restype, free.argtypes = None, [_Handle]
    library.jamba_last_error.restype = c_char_p
    library.jamba_version_number.restype = c_uint32
    return library


library = _load()
# Called for every token, and only with what is of C already: ctypes has nothing to check.
answer_next = library.jamba_answer_next

# ---- Calls ----

# Who is inside the library: threads, and answers that compute a piece. A process forked meanwhile gets the library's locks as
# they were and nobody to open them.
inside: set[object] = set()
is_cut_off = False


def _after_fork_in_child() -> None:
    global is_cut_off
    is_cut_off = is_cut_off or bool(inside)
    inside.clear()


os.register_at_fork(after_in_child=_after_fork_in_child)


def call(function: Callable[..., int], *arguments: Any) -> None:
    """Calls a function of the library, and raises what it failed for."""
    if is_cut_off:
        raise cut_off()
    thread = threading.get_ident()
    is_outermost = thread not in inside
    inside.add(thread)
    try:
        status = function(*arguments)
        if status:
            raise failure(status)
    finally:
        if is_outermost:
            inside.discard(thread)


def failure(status: int) -> JambaError:
    """Why this thread's last call failed."""
    return error(status, library.jamba_last_error().decode())


def cut_off() -> JambaError:
    return error(
        Status.HANDLE, "this process was forked while another thread was inside the library: start it by spawn instead")


Progress = Callable[[int, int], Any]
_Value = TypeVar("_Value")


class Stop:
    """What can stop a call that reads a prompt or opens a model: its callbacks, and an order from another thread."""

    def __init__(self, progress: Progress | None = None) -> None:
        self.progress = progress
        self.is_wanted = False
        self.failure: BaseException | None = None

    @functools.cached_property
    def callbacks(self) -> Callbacks:
        return Callbacks(progress=ProgressFunction(self._report), cancelled=CancelledFunction(lambda _: int(self.is_wanted)))

    def _report(self, _: int | None, done: int, total: int) -> int:
        try:
            if self.progress is not None and self.progress(done, total) is False:
                self.is_wanted = True
        except BaseException as failure:  # of the caller's callback: raised where the call returns
            self.failure = failure
            self.is_wanted = True
        return int(self.is_wanted)

    def run(self, body: Callable[[], _Value]) -> _Value:
        """Runs a call with these callbacks so that a signal's exception, such as that of Ctrl-C, stops it.

        Python raises a signal's exception in the main thread between two of its instructions, also in the first of a callback,
        where it would be lost. So the main thread waits, and another one calls.
        """
        if threading.current_thread() is not threading.main_thread():
            return self._checked(body)
        outcome: list[_Value] = []
        failures: list[BaseException] = []
        # Not Thread.join, which takes a thread for ended when it is interrupted.
        is_done = threading.Event()

        def work() -> None:
            try:
                outcome.append(self._checked(body))
            except BaseException as failure:
                failures.append(failure)
            finally:
                is_done.set()

        threading.Thread(target=work, name="jamba-edge", daemon=True).start()
        try:
            is_done.wait()
        except BaseException:
            self.is_wanted = True
            is_done.wait()
            raise
        if failures:
            raise failures[0]
        return outcome[0]

    def _checked(self, body: Callable[[], _Value]) -> _Value:
        try:
            return body()
        except BaseException:
            if self.failure is not None:
                raise self.failure from None
            raise


class Handle:
    """Something of the library's that is freed once; a number that the library looks up and never follows."""

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._pointer = c_void_p()

    @property
    def pointer(self) -> c_void_p:
        if not self._pointer.value:
            raise error(Status.HANDLE, f"the {self._kind} is closed")
        return self._pointer

    def place(self) -> Any:
        """Where a function of the library stores it."""
        return ctypes.byref(self._pointer)

    def free(self) -> None:
        pointer, self._pointer = self._pointer, c_void_p()
        if pointer.value and not is_cut_off:
            getattr(library, f"jamba_{self._kind}_free")(pointer)

    def __del__(self) -> None:
        if library is not None:  # at the interpreter's end names are gone
            self.free()


def bytes_at(struct: Struct, offset: int, length: int) -> bytes:
    """What the pointer at an offset points to, where a field of type char * would end at the first NUL."""
    return ctypes.string_at(c_void_p.from_buffer(struct, offset).value or 0, length)


def text(value: str, name: str) -> bytes:
    """A text that ends at its first NUL, and so has none within."""
    if "\0" in value:
        raise error(Status.ARGUMENT, f"{name} has a NUL in it")
    return utf8(value, name)


def utf8(value: str, name: str) -> bytes:
    try:
        return value.encode()
    except UnicodeEncodeError:
        raise error(Status.ARGUMENT, f"{name} has half of a surrogate pair in it, which is no UTF-8") from None


def number(value: int, bits: int, name: str) -> int:
    """A number that fits the library's type; ctypes would cut it without a word."""
    if not 0 <= value < 1 << bits:
        raise error(Status.ARGUMENT, f"{name} is {value}, which is not within 0...{(1 << bits) - 1}")
    return value
