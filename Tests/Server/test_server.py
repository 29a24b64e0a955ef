"""Tests `jamba serve` with OpenAI's, Anthropic's and Ollama's Python packages and with raw sockets.

    python Tests/Server/test_server.py PROGRAM MODEL [unittest's arguments]

MODEL is the demo model. Needs `pip install openai anthropic ollama`. What the server answers is compared with what the other commands of
the program compute.
"""
import sys
import unittest

from adapter_tests import Adapters
from answer_tests import Answers
from conformance_tests import Conformance
from connection_tests import Crowd, Disconnects, Idlers, SilentClients, Stopping
from damage_tests import Damage
from embedding_tests import Embeddings
from harness import Options
from listening_tests import Encryption, Log, Pages, Proxies, Sockets
from messages_tests import Messages, MessagesThoughts, MessagesTools
from ollama_tests import Ollama, OllamaThoughts, OllamaTools, StrictOllama
from refusal_tests import Keys, Refusals
from responses_tests import Responses, ResponsesThoughts, ResponsesTools
from scoring_tests import Scores
from slot_tests import Document, Slots
from stream_tests import Silence, Together
from tolerance_tests import Places, Strict, Tolerance
from tool_tests import GenericTools, Thoughts, Tools

__all__ = [
    "Adapters", "Answers", "Conformance", "Crowd", "Disconnects", "Document", "Embeddings", "Encryption", "GenericTools", "Idlers", "Keys", "Log", "Messages",
    "MessagesThoughts", "MessagesTools", "Ollama", "OllamaThoughts", "OllamaTools", "Pages", "Places", "Proxies", "Refusals",
    "Responses", "ResponsesThoughts", "ResponsesTools", "Scores", "Silence", "SilentClients", "Slots", "Sockets", "Stopping", "Strict",
    "StrictOllama", "Thoughts", "Together", "Tolerance", "Tools",
]

if __name__ == "__main__":
    Options.program, Options.model = sys.argv[1:3]
    unittest.main(argv=sys.argv[:1] + sys.argv[3:])
