"""Tests `jamba serve` with OpenAI's Python package and with raw sockets.

    python Tests/Server/test_server.py PROGRAM MODEL [unittest's arguments]

MODEL is the demo model. Needs `pip install openai`. What the server answers is compared with what the other commands of
the program compute.
"""
import sys
import unittest

from answer_tests import Answers
from connection_tests import Crowd, Disconnects, Stopping
from harness import Options
from refusal_tests import Keys, Refusals
from tolerance_tests import Places, Strict, Tolerance
from tool_tests import GenericTools, Thoughts, Tools

__all__ = [
    "Answers", "Crowd", "Disconnects", "GenericTools", "Keys", "Places", "Refusals", "Stopping", "Strict", "Thoughts", "Tolerance", "Tools",
]

if __name__ == "__main__":
    Options.program, Options.model = sys.argv[1:3]
    unittest.main(argv=sys.argv[:1] + sys.argv[3:])
