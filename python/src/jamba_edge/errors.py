"""What calls of the library come to: a status with a number for good, and a sentence."""

from __future__ import annotations

import enum


class Status(enum.IntEnum):
    """`jamba_status` of jamba.h, which says when each comes."""

    OK = 0
    ARGUMENT = 1
    HANDLE = 2
    BUSY = 3
    CAPACITY = 4
    FILE = 5
    FORMAT = 6
    MEMORY = 7
    TOKEN = 8
    CONTEXT_FULL = 9
    MISSING = 10
    FOREIGN_SESSION = 11
    TEMPLATE = 12
    GRAMMAR = 13
    NO_LOGITS = 14
    THREADS = 15
    CANCELLED = 16


class JambaError(Exception):
    """A call that failed.

    Attributes:
        status: what went wrong, for programs.
        sentence: what went wrong, for people; also `str(error)`.
    """

    status: Status
    sentence: str

    def __init__(self, status: Status, sentence: str) -> None:
        super().__init__(status, sentence)
        self.status = status
        self.sentence = sentence

    def __str__(self) -> str:
        return self.sentence


class ArgumentError(JambaError, ValueError):
    """A value out of range, text or JSON that is none."""


class HandleError(JambaError):
    """A model, session, answer or sampler that was closed, or that belongs to the process that this one was forked from."""


class BusyError(JambaError):
    """Another thread, or an answer that has not ended, is using the session."""


class FileError(JambaError):
    """A file that cannot be opened, read or written."""


class FormatError(JambaError):
    """A file that is damaged, or not what it should be."""


class OutOfMemoryError(JambaError, MemoryError):
    """Too little memory: within the limit that was given, or in the system."""


class TokenError(JambaError, ValueError):
    """A token id that is not in the vocabulary."""


class ContextFullError(JambaError):
    """The text has reached the length that the model can see."""


class TemplateError(JambaError):
    """The chat template refused the conversation."""


class GrammarError(JambaError, ValueError):
    """A grammar or a JSON schema that cannot be used."""


class CancelledError(JambaError):
    """A `progress` callback stopped the call."""


class ProgramError(JambaError):
    """The `jamba` program failed.

    Attributes:
        exit_status: the program's; 2 is wrong usage.
    """

    exit_status: int

    def __init__(self, exit_status: int, sentence: str) -> None:
        super().__init__(Status.ARGUMENT if exit_status == 2 else Status.FORMAT, sentence)
        self.exit_status = exit_status


_KINDS: dict[Status, type[JambaError]] = {
    Status.ARGUMENT: ArgumentError,
    Status.HANDLE: HandleError,
    Status.BUSY: BusyError,
    Status.FILE: FileError,
    Status.FORMAT: FormatError,
    Status.MEMORY: OutOfMemoryError,
    Status.TOKEN: TokenError,
    Status.CONTEXT_FULL: ContextFullError,
    Status.TEMPLATE: TemplateError,
    Status.GRAMMAR: GrammarError,
    Status.CANCELLED: CancelledError,
}


def error(status: int, sentence: str) -> JambaError:
    """The exception for a status of the library."""
    known = Status(status)
    return _KINDS.get(known, JambaError)(known, sentence)
