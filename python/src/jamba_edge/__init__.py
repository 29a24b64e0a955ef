"""Runs Jamba language models: a .jamba file in memory, sessions of it, answers as iterators.

    import jamba_edge

    with jamba_edge.Model.open("model.jamba") as model, model.session() as session:
        for piece in session.chat("Hello"):
            print(piece, end="", flush=True)

A thin layer over the C library, whose header jamba.h is the manual of what happens below.
"""

from .errors import (
    ArgumentError,
    BusyError,
    CancelledError,
    ContextFullError,
    FileError,
    FormatError,
    GrammarError,
    HandleError,
    JambaError,
    OutOfMemoryError,
    ProgramError,
    Status,
    TemplateError,
    TokenError,
)
from .model import Adapter, Info, Model, Plan, Sampler
from .options import Message, Sampling
from .program import convert, program, run
from .schema import Schema
from .session import Answer, AsyncAnswer, Piece, Result, Session

__all__ = [
    "Adapter", "Answer", "ArgumentError", "AsyncAnswer", "BusyError", "CancelledError", "ContextFullError", "FileError", "FormatError",
    "GrammarError", "HandleError", "Info", "JambaError", "Message", "Model", "OutOfMemoryError", "Piece", "Plan",
    "ProgramError", "Result", "Sampler", "Sampling", "Schema", "Session", "Status", "TemplateError", "TokenError", "convert",
    "program", "run",
]
