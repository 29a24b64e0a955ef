"""One text in the making, and the answers in it."""

from __future__ import annotations

import asyncio
import ctypes
import dataclasses
import json
import os
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

import numpy
import numpy.typing

from . import _library as c
from . import options as given
from .errors import BusyError, Status, error
from .model import Model, Path, Sampler, Tokens, token_array, token_list
from .options import Messages, Sampling, Tool, ToolUse
from .schema import Schema, SchemaSource

# Prompts of so many tokens are read without asking meanwhile whether to stop.
_SHORT_PROMPT = 8
_new_tuple: Any = tuple.__new__
_FINISHES = {1: "stop", 2: "length", 3: "tool_calls", 4: "cancelled"}
_Value = TypeVar("_Value")


class Piece(NamedTuple):
    """A step of generation: a token, and the text that became certain with it.

    Attributes:
        token: None in a last piece that only carries text that was held back.
        text: whole characters; may be empty.
        reasoning: in a chat with a model that thinks aloud, what belongs to its thoughts and so not to `text`.
        tool_calls: the calls that are complete with this token, `{"name": …, "arguments": {…}}`.
    """

    token: int | None
    text: str
    reasoning: str = ""
    tool_calls: tuple[Mapping[str, Any], ...] = ()

    def __str__(self) -> str:
        return self.text


@dataclasses.dataclass(frozen=True)
class Result:
    """How an answer ended.

    Attributes:
        finish: "stop", "length" or "tool_calls".
        prompt_tokens: as given, whether computed or taken from a snapshot.
        completion_tokens: generated.
    """

    finish: str
    prompt_tokens: int
    completion_tokens: int


class Answer(Iterator[Piece]):
    """An answer in the making: an iterator of pieces, each computed when it is asked for.

    Until it has ended or is closed its session is in use, and other calls with that are a BusyError; so is asking for a piece
    while another thread waits for one. An answer that is dropped, or stopped by Ctrl-C, is closed; `with` closes it where it
    stays in a variable.

    Attributes:
        result: how it ended; None before.
    """

    result: Result | None

    def __init__(self, handle: c.Handle, schema: Schema | None, is_chat: bool) -> None:
        self._handle = handle
        self._schema = schema
        self._is_closing = False
        self.result = None
        raw, end = c.Piece(), c.Result()
        # What a step needs, to be taken out by one thread at a time, as a piece's texts live until the next call. Empty for good
        # behind the end.
        self._idle: list[tuple[Any, ...]] = [(
            c.answer_next, handle.pointer, ctypes.byref(raw), ctypes.byref(end), raw, end, is_chat, c.inside)]

    # Behind a step that has swept the caches, each name that is looked up here and each object that is made costs several times
    # what it costs by itself.
    def __next__(self) -> Piece:
        try:
            step = self._idle.pop()
        except IndexError:
            raise self._refusal() from None
        answer_next, handle, to_raw, to_end, raw, end, is_chat, inside = step
        try:
            if c.is_cut_off:
                raise c.cut_off()
            inside.add(self)
            status = answer_next(handle, to_raw, to_end)
            if status:
                raise c.failure(status)
            text = raw.text
            if len(text) != raw.text_length:
                text = c.bytes_at(raw, c.Piece.text.offset, raw.text_length)
            reasoning, calls = "", ()
            if is_chat:
                if raw.reasoning_length:
                    reasoning = c.bytes_at(raw, c.Piece.reasoning.offset, raw.reasoning_length).decode()
                if raw.tool_calls:
                    calls = tuple(json.loads(raw.tool_calls))
            if end.finish:
                self.result = Result(_FINISHES[end.finish], end.prompt_tokens, end.completion_tokens)
                self._is_closing = True
            token = raw.token
            piece: Piece = _new_tuple(Piece, (token if token >= 0 else None, text.decode(), reasoning, calls))
            return piece
        except BaseException as failure:
            # Another call is in the session for a moment: the answer goes on.
            if not isinstance(failure, BusyError):
                self._is_closing = True
            raise
        finally:
            inside.discard(self)
            if self._is_closing:
                self._handle.free()
            else:
                self._idle.append(step)
                if self._is_closing:  # by now
                    self.close()

    def _refusal(self) -> Exception:
        if self.result is not None:
            return StopIteration()
        if self._is_closing:
            return error(Status.HANDLE, "the answer is closed")
        return error(Status.BUSY, "another thread waits for the next piece of this answer")

    def text(self) -> str:
        """The rest of the answer in one text, without reasoning."""
        return "".join(piece.text for piece in self)

    def value(self) -> Any:
        """The rest of the answer as what its schema describes: a pydantic model, a dataclass, or what JSON has.

        Raises:
            ValueError: for an answer that `max_tokens` cut.
        """
        text = self.text()
        return self._schema.value(text) if self._schema else json.loads(text)

    def close(self) -> None:
        """Ends the answer; its session holds the tokens before the last one that was handed out.

        Where another thread waits for a piece, the answer ends behind that one.
        """
        self._is_closing = True
        try:
            self._idle.pop()
        except IndexError:
            return  # it is closed, or whose turn it is will close it
        self._handle.free()

    def __enter__(self) -> Answer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class AsyncAnswer(AsyncIterator[Piece]):
    """An answer whose pieces are computed in the event loop's threads. It begins when the first one is asked for.

    Cancelling the task that waits stops the prompt, or the answer after the step that is under way.
    """

    def __init__(self, begin: Callable[[c.Stop], Answer]) -> None:
        self._begin: Callable[[c.Stop], Answer] | None = begin
        self._answer: Answer | None = None

    @property
    def result(self) -> Result | None:
        """How it ended; None before."""
        return self._answer.result if self._answer else None

    async def __anext__(self) -> Piece:
        if self._begin is not None:
            begin, self._begin = self._begin, None
            stop = c.Stop()
            self._answer = await _compute(lambda: begin(stop), stop)
        answer = self._answer
        if answer is None:
            raise StopAsyncIteration
        try:
            piece = await _compute(lambda: next(answer, None), None)
        except BaseException:
            answer.close()
            raise
        if piece is None:
            raise StopAsyncIteration
        return piece

    async def text(self) -> str:
        """The rest of the answer in one text, without reasoning."""
        return "".join([piece.text async for piece in self])

    def close(self) -> None:
        """Ends the answer."""
        self._begin = None
        if self._answer is not None:
            self._answer.close()

    async def __aenter__(self) -> AsyncAnswer:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()


async def _compute(body: Callable[[], _Value], stop: c.Stop | None) -> _Value:
    """Runs a call in a thread. A task that is cancelled waits until the call has stopped, so that nothing runs on unseen."""
    work = asyncio.get_running_loop().run_in_executor(None, body)
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        if stop is not None:
            stop.is_wanted = True
        await asyncio.wait([work])
        if not work.cancelled() and work.exception() is None and isinstance(work.result(), Answer):
            work.result().close()  # type: ignore[attr-defined]
        raise


class Session:
    """One text: the state after the tokens it has seen. A context manager that closes itself.

    May move from thread to thread; a call that finds it in use by another is a BusyError. Sessions of one model in threads of
    their own share passes over the weights, with the same bits as alone.
    """

    model: Model

    def __init__(self, model: Model, handle: c.Handle) -> None:
        self.model = model
        self._handle = handle

    # ---- Whole answers ----

    def generate(
        self, prompt: str | Tokens = "", *, sampling: Sampling | None = None, max_tokens: int = 512,
        stop: Sequence[str] | str = (), grammar: str | None = None, schema: SchemaSource | None = None,
        ignore_end: bool = False, progress: c.Progress | None = None,
    ) -> Answer:
        """Appends a prompt, and generates after it. The prompt is read before the answer is returned; one of a few tokens is read
        to its end, whatever comes.

        Args:
            prompt: a text, framed by special tokens where the session is empty; or tokens as they are. In an empty session
                an empty prompt stands for the model's first token.
            sampling: None takes the most probable token every time.
            max_tokens: the most tokens to generate.
            stop: texts that end the answer, and are no part of it.
            grammar, schema: what the answer may look like: a GBNF grammar; or a JSON schema, a pydantic model, a dataclass.
            ignore_end: go on after a token that ends the text.
            progress: called with the prompt's tokens done and in all; False stops, after which the session is empty.
        Raises:
            BusyError, ArgumentError, GrammarError, TokenError, ContextFullError, OutOfMemoryError; CancelledError by
            `progress`.
        """
        return self._generate(prompt, c.Stop(progress), sampling, max_tokens, stop, grammar, schema, ignore_end)

    def chat(
        self, messages: Messages, *, tools: Sequence[Tool] = (), tool_use: ToolUse = "free",
        documents: Sequence[Mapping[str, Any]] = (), variables: Mapping[str, Any] | None = None, parse_special: bool = False,
        sampling: Sampling | None = None, max_tokens: int = 512, stop: Sequence[str] | str = (), grammar: str | None = None,
        schema: SchemaSource | None = None, progress: c.Progress | None = None,
    ) -> Answer:
        """Empties the session, reads a conversation through the chat template and generates the answer.

        Give all of the conversation each time, with the answers so far: what was read before is not computed again as long as
        snapshots have room.

        Args:
            messages: a user's text, a message, or all of a conversation.
            tools: dicts of OpenAI's form, or functions with type hints.
            tool_use: "free", as the model likes; "constrained", calls fit; "required", the answer is such a call.
            documents, variables, parse_special: as in `Model.format_chat`.
            sampling and the others: as in `generate`.
        Raises:
            TemplateError, and what `generate` raises.
        """
        return self._chat(
            messages, c.Stop(progress), tools, tool_use, documents, variables, parse_special, sampling, max_tokens, stop, grammar,
            schema)

    def generate_async(
        self, prompt: str | Tokens = "", *, sampling: Sampling | None = None, max_tokens: int = 512,
        stop: Sequence[str] | str = (), grammar: str | None = None, schema: SchemaSource | None = None,
        ignore_end: bool = False,
    ) -> AsyncAnswer:
        """`generate` for `async for`; what that raises comes with the first piece."""
        return AsyncAnswer(
            lambda halt: self._generate(prompt, halt, sampling, max_tokens, stop, grammar, schema, ignore_end))

    def chat_async(
        self, messages: Messages, *, tools: Sequence[Tool] = (), tool_use: ToolUse = "free",
        documents: Sequence[Mapping[str, Any]] = (), variables: Mapping[str, Any] | None = None, parse_special: bool = False,
        sampling: Sampling | None = None, max_tokens: int = 512, stop: Sequence[str] | str = (), grammar: str | None = None,
        schema: SchemaSource | None = None,
    ) -> AsyncAnswer:
        """`chat` for `async for`; what that raises comes with the first piece."""
        return AsyncAnswer(
            lambda halt: self._chat(
                messages, halt, tools, tool_use, documents, variables, parse_special, sampling, max_tokens, stop, grammar,
                schema))

    def _generate(
        self, prompt: str | Tokens, halt: c.Stop, sampling: Sampling | None, max_tokens: int, stop: Sequence[str] | str,
        grammar: str | None, schema: SchemaSource | None, ignore_end: bool,
    ) -> Answer:
        ids, count, _held = token_array(self._tokens_of(prompt) if isinstance(prompt, str) else prompt)
        fit = None if schema is None else Schema(schema)
        options = given.generation(sampling, max_tokens, stop, grammar, fit, ignore_end)
        handle = c.Handle("answer")

        def begin(callbacks: Any) -> None:
            c.call(
                c.library.jamba_generate_begin, self._handle.pointer, ids, count, ctypes.byref(options),
                callbacks, handle.place())

        if count > _SHORT_PROMPT or halt.progress is not None:
            halt.run(lambda: begin(ctypes.byref(halt.callbacks)))
        else:
            begin(None)
        return Answer(handle, fit, is_chat=False)

    def _chat(
        self, messages: Messages, halt: c.Stop, tools: Sequence[Tool], tool_use: ToolUse,
        documents: Sequence[Mapping[str, Any]], variables: Mapping[str, Any] | None, parse_special: bool,
        sampling: Sampling | None, max_tokens: int, stop: Sequence[str] | str, grammar: str | None, schema: SchemaSource | None,
    ) -> Answer:
        turns, count = given.messages(messages)
        chat = given.chat(tools, tool_use, documents, variables or {}, parse_special)
        fit = None if schema is None else Schema(schema)
        options = given.generation(sampling, max_tokens, stop, grammar, fit, False)
        handle = c.Handle("answer")
        halt.run(lambda: c.call(
            c.library.jamba_chat_begin, self._handle.pointer, turns, count, ctypes.byref(chat), ctypes.byref(options),
            ctypes.byref(halt.callbacks), handle.place()))
        return Answer(handle, fit, is_chat=True)

    def _tokens_of(self, prompt: str) -> Sequence[int]:
        if not prompt:
            return ()
        return self.model.tokenize(prompt, add_special=not self.tokens)

    # ---- Token by token ----

    @property
    def tokens(self) -> list[int]:
        """The text so far."""
        return token_list(c.library.jamba_session_tokens, self._handle.pointer)

    def prefill(self, tokens: Tokens, *, progress: c.Progress | None = None) -> None:
        """Appends tokens, as they are. Ctrl-C stops it, after which the session is empty.

        Raises:
            BusyError; TokenError, ContextFullError and OutOfMemoryError before anything is computed; CancelledError.
        """
        (ids, count, _held), stop = token_array(tokens), c.Stop(progress)
        stop.run(lambda: c.call(
            c.library.jamba_prefill, self._handle.pointer, ids, count, ctypes.byref(stop.callbacks)))

    def step(self, token: int) -> None:
        """Appends one token. Raises what `prefill` raises."""
        c.call(c.library.jamba_step, self._handle.pointer, c.number(token, 31, "a token"))

    def logits(self, out: numpy.typing.NDArray[numpy.float32] | None = None) -> numpy.typing.NDArray[numpy.float32]:
        """The logits after the last token, `[vocabulary]`, float32.

        The library writes them into the array; nothing copies them again, and with `out` nothing is allocated.

        Args:
            out: the array to write into and to return, `[vocabulary]`, float32, contiguous.
        Raises:
            JambaError: of status NO_LOGITS for a session that has read nothing.
        """
        if out is None:
            out = numpy.empty(self.model.info.vocabulary_count, numpy.float32)
        elif out.dtype != numpy.float32 or out.ndim != 1 or not (out.flags.c_contiguous and out.flags.writeable):
            raise error(Status.ARGUMENT, "out is not a contiguous, writeable array [vocabulary] of float32")
        count = ctypes.c_size_t()
        c.call(c.library.jamba_logits, self._handle.pointer, out.ctypes.data, len(out), ctypes.byref(count))
        return out[:count.value]

    def score(
        self, tokens: Tokens, *, progress: c.Progress | None = None,
    ) -> tuple[numpy.typing.NDArray[numpy.float32], numpy.typing.NDArray[numpy.int32]]:
        """Appends tokens as `prefill` does, and says how probable each was after those before it.

        Returns:
            `[tokens]` natural logarithms of their probabilities, and `[tokens]` the tokens that were the most probable in
            their places; NaN and -1 for the first token of a session that has read nothing.
        Raises:
            what `prefill` raises.
        """
        (ids, count, _held), stop = token_array(tokens), c.Stop(progress)
        values, best = numpy.empty(count, numpy.float32), numpy.empty(count, numpy.int32)
        stop.run(lambda: c.call(
            c.library.jamba_score, self._handle.pointer, ids, count, ctypes.byref(stop.callbacks),
            values.ctypes.data, best.ctypes.data))
        return values, best

    def sample(self, sampler: Sampler) -> int:
        """Chooses a token from the logits, without appending it; the same draws as `generate` with that sampling."""
        token = ctypes.c_int32()
        c.call(c.library.jamba_sample, sampler._handle.pointer, self._handle.pointer, ctypes.byref(token))
        return token.value

    # ---- The text as a whole ----

    def save(self, path: Path, note: bytes = b"") -> None:
        """Saves the session and up to 64 MiB of the caller's. The file is replaced as a whole or left as it was."""
        c.call(c.library.jamba_session_save, self._handle.pointer, os.fsencode(path), note, len(note))

    @property
    def note(self) -> bytes:
        """What a restored session was saved with."""
        size = ctypes.c_size_t()
        c.call(c.library.jamba_session_note, self._handle.pointer, None, 0, ctypes.byref(size))
        note = ctypes.create_string_buffer(size.value + 1)
        c.call(c.library.jamba_session_note, self._handle.pointer, note, size.value, ctypes.byref(size))
        return note.raw[:size.value]

    def fork(self) -> Session:
        """A second session with the same text. Both go on alone; keys and values are shared until one of them changes."""
        handle = c.Handle("session")
        c.call(c.library.jamba_session_fork, self._handle.pointer, handle.place())
        return Session(self.model, handle)

    def rewind(self, token_count: int, *, progress: c.Progress | None = None) -> None:
        """Forgets what comes after the first tokens: the same bits as a session that has read no more. Ctrl-C stops it, after
        which the session is empty."""
        stop, count = c.Stop(progress), c.number(token_count, 62, "token_count")
        stop.run(lambda: c.call(c.library.jamba_session_rewind, self._handle.pointer, count, ctypes.byref(stop.callbacks)))

    def reset(self) -> None:
        """Empties the session."""
        c.call(c.library.jamba_session_reset, self._handle.pointer)

    def close(self) -> None:
        """Frees the session. A call or an answer that is under way keeps what it needs."""
        self._handle.free()

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
