#!/usr/bin/env python3
"""An answer in Python, through ctypes: jamba_chat.py MODEL.jamba "Hello" """
import ctypes
import ctypes.util
import os
import sys
from ctypes import POINTER, byref, c_char_p, c_int, c_int32, c_size_t, c_void_p


class Piece(ctypes.Structure):
    _fields_ = [("struct_size", c_size_t), ("token", c_int32), ("reserved", c_int32), ("text", c_char_p),
                ("text_length", c_size_t), ("reasoning", c_char_p), ("reasoning_length", c_size_t),
                ("tool_calls", c_char_p)]


PieceCallback = ctypes.CFUNCTYPE(c_int, c_void_p, POINTER(Piece))


class Callbacks(ctypes.Structure):
    _fields_ = [("struct_size", c_size_t), ("context", c_void_p), ("piece", PieceCallback), ("progress", c_void_p),
                ("cancelled", c_void_p), ("log", c_void_p)]


class Message(ctypes.Structure):
    _fields_ = [(name, c_char_p) for name in ("role", "content", "reasoning", "tool_calls", "name")]


jamba = ctypes.CDLL(os.environ.get("LIBJAMBA") or ctypes.util.find_library("jamba") or "libjamba.so.0")
jamba.jamba_last_error.restype = c_char_p
for function in (jamba.jamba_session_free, jamba.jamba_model_free):
    function.restype, function.argtypes = None, [c_void_p]


def check(status):
    if status != 0:
        raise RuntimeError(jamba.jamba_last_error().decode())


@PieceCallback
def show(context, piece):
    print(piece.contents.text.decode(), end="", flush=True)
    return 0


def main(path, text):
    model, session = c_void_p(), c_void_p()
    check(jamba.jamba_model_open(os.fsencode(path), None, None, byref(model)))
    check(jamba.jamba_session_create(model, None, byref(session)))
    messages = (Message * 1)(Message(role=b"user", content=text.encode()))
    callbacks = Callbacks(struct_size=ctypes.sizeof(Callbacks), piece=show)
    check(jamba.jamba_chat(session, messages, c_size_t(1), None, None, byref(callbacks), None))
    print()
    jamba.jamba_session_free(session)
    jamba.jamba_model_free(model)


if __name__ == "__main__":
    main(*sys.argv[1:])
