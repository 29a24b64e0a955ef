"""Tests `jamba serve` with OpenAI's Python package and with raw sockets.

    python Tests/Server/test_server.py PROGRAM MODEL [unittest's arguments]

MODEL is the demo model. Needs `pip install openai`. What the server answers is compared with what the other commands of
the program compute.
"""
import sys
import unittest

from answer_tests import Answers
from conformance_tests import Conformance
from connection_tests import Crowd, Disconnects, Idlers, Stopping
from embedding_tests import Embeddings
from harness import Options
from listening_tests import Log, Pages, Proxies, Sockets
from refusal_tests import Keys, Refusals
from scoring_tests import Scores
from slot_tests import Document, Slots
from stream_tests import Silence, Together
from tolerance_tests import Places, Strict, Tolerance
from tool_tests import Thoughts, Tools

__all__ = [
    "Answers", "Conformance", "Crowd", "Disconnects", "Document", "Embeddings", "Idlers", "Keys", "Log", "Pages", "Places",
    "Proxies", "Refusals", "Scores", "Silence", "Slots", "Sockets", "Stopping", "Strict", "Thoughts", "Together", "Tolerance", "Tools",
]

if __name__ == "__main__":
    Options.program, Options.model = sys.argv[1:3]
    unittest.main(argv=sys.argv[:1] + sys.argv[3:])
