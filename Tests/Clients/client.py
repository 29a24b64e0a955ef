"""What a client's file begins with: where the server is, and how features are tried and reported, a line of JSON each."""
import asyncio
import inspect
import json
import os
import re
import sys
import traceback

URL = os.environ["JAMBA_URL"]
BASE = URL + "/v1"
QUESTION = "Tell me a story about a red ball."
SCHEMA = {
    "type": "object", "properties": {"colour": {"enum": ["red", "blue"]}, "count": {"type": "integer", "minimum": 1, "maximum": 5}},
    "required": ["colour", "count"], "additionalProperties": False,
}


def feature(name):
    """Tries a function now: it raises where the feature does not work."""

    def run(function):
        try:
            result = function()
            if inspect.iscoroutine(result):
                asyncio.run(result)
            report = {"feature": name, "ok": True}
        except Exception as error:  # whatever a client raises is what its user sees
            traceback.print_exc(file=sys.stderr)
            reason = re.sub(r"http://127\.0\.0\.1:\d+", "", f"{type(error).__name__}: {error}".strip())
            report = {"feature": name, "ok": False, "reason": reason.splitlines()[0][:200]}
        print(json.dumps(report), flush=True)
        return function

    return run


def check(condition, what="another answer than expected"):
    if not condition:
        raise AssertionError(what)


def check_form(value):
    """An object as SCHEMA has it."""
    check(value["colour"] in ["red", "blue"] and value["count"] in range(1, 6), f"not of the schema: {value}")
