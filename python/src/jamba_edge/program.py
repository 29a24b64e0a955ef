"""The `jamba` program, which a wheel brings along."""

from __future__ import annotations

import os
import pathlib
import shutil
import subprocess
import sys

from .errors import ProgramError


def program() -> str:
    """Where the program is: the wheel's own, or the one on the path. Raises FileNotFoundError."""
    own = pathlib.Path(__file__).with_name("bin") / "jamba"
    found = str(own) if own.exists() else shutil.which("jamba")
    if found is None:
        raise FileNotFoundError("the jamba program is not installed: install a wheel of jamba-edge")
    return found


def run(*arguments: str | os.PathLike[str]) -> str:
    """Runs the program, such as `run("inspect", "model.jamba")`. Ctrl-C stops it.

    Returns:
        what it printed.
    Raises:
        ProgramError: with its sentence.
    """
    done = subprocess.run([program(), *(os.fspath(argument) for argument in arguments)], stdin=subprocess.DEVNULL, capture_output=True, check=False)
    if done.returncode:
        lines = done.stderr.decode(errors="replace").strip().splitlines() or [f"jamba ended with status {done.returncode}"]
        # The sentence stands last, but for wrong usage, which is explained behind it.
        sentence = next((line for line in lines if line.startswith("Error: ")), lines[-1])
        raise ProgramError(done.returncode, sentence.removeprefix("Error: ").removeprefix("jamba: "))
    return done.stdout.decode(errors="replace")


def convert(
    checkpoint: str | os.PathLike[str], output: str | os.PathLike[str], *options: str, type: str | None = None,
    recipe: str | None = None,
) -> None:
    """Converts a checkpoint (a Hugging Face folder, GGUF …) to a .jamba file.

    Args:
        output: is replaced as a whole or left as it was.
        options: more of `jamba convert`, such as "--bits", "4.5".
        type: "int4", "int6", "int8", "bf16" or "f32".
        recipe: "balanced" or "small".
    Raises:
        ProgramError: with the program's sentence.
    """
    chosen = [*(["--type", type] if type else []), *(["--recipe", recipe] if recipe else []), *options]
    run("convert", checkpoint, output, *chosen)


def main() -> None:
    """The command `jamba`: becomes the program."""
    path = program()
    os.execv(path, ["jamba", *sys.argv[1:]])
