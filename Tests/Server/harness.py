"""What the tests of the server stand on: a server for a class of tests, clients, and bytes on a socket."""
import json
import pathlib
import socket
import struct
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.error
import urllib.request

import openai

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
sys.path.append(str(REPOSITORY / "tools/measure"))  # where the tools that measure a server have theirs

from server_process import Server  # noqa: E402

QUESTION = [{"role": "user", "content": "Tell me a story about a red ball."}]
# The demo's tokens that end an answer.
ENDLESS = {"2": -100, "5": -100}
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather", "description": "The weather of a place.",
        "parameters": {
            "type": "object", "properties": {"place": {"type": "string", "maxLength": 12}, "days": {"enum": [1, 2, 3]}},
            "required": ["place", "days"], "additionalProperties": False,
        },
    },
}


class Options:
    """Set by test_server.py before the tests run."""

    program = None
    model = None  # the demo model


def jamba(*arguments):
    return subprocess.run([Options.program, *arguments], check=True, capture_output=True, text=True).stdout


def prompt_tokens(text):
    """The tokens of the demo's template for one message."""
    marked = f"<|startoftext|><|bom|><|user|>{text}<|eom|><|bom|><|assistant|>"
    return json.loads(jamba("tokenize", Options.model, marked))["ids"]


def read_logits(path):
    """The rows of a file that `jamba logits` has written."""
    with open(path, "rb") as file:
        content = file.read()
    size = struct.unpack("<Q", content[:8])[0]
    count, width = json.loads(content[8:8 + size])["logits"]["shape"]
    return [struct.unpack_from(f"<{width}f", content, 8 + size + 4 * width * row) for row in range(count)]


def client(server, **options):
    return openai.OpenAI(base_url=server.url + "/v1", api_key=options.pop("api_key", "none"), max_retries=0, timeout=60, **options)


def exchange(server, data, seconds=10):
    """Sends bytes and reads until the server closes or says nothing more."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=seconds) as connection:
        try:
            connection.sendall(data)
        except OSError:
            pass
        answer = b""
        try:
            while True:
                part = connection.recv(65536)
                if not part:
                    break
                answer += part
                head, _, body = answer.partition(b"\r\n\r\n")
                for line in head.split(b"\r\n"):
                    if line.lower().startswith(b"content-length:") and len(body) >= int(line.split(b":")[1]):
                        return answer
        except OSError:
            pass
        return answer


def post(server, path, body, **headers):
    """Status and JSON of a request without the package's help."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    request = urllib.request.Request(server.url + path, data, {"Content-Type": "application/json", **headers})
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def get(server, path, **headers):
    request = urllib.request.Request(server.url + path, headers=headers)
    with urllib.request.urlopen(request, timeout=10) as response:
        return json.load(response)


def metrics(server):
    with urllib.request.urlopen(server.url + "/metrics", timeout=10) as response:
        lines = response.read().decode().splitlines()
    return {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1]) for line in lines if not line.startswith("#")}


def wait_until(condition, seconds=20):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise AssertionError("it did not come to pass")
        time.sleep(0.02)


class WithServer(unittest.TestCase):
    arguments = ()

    @classmethod
    def setUpClass(cls):
        cls.server = Server(Options.program, Options.model, *cls.arguments)
        cls.client = client(cls.server)
        cls.name = cls.client.models.list().data[0].id

    @classmethod
    def tearDownClass(cls):
        status = cls.server.stop()
        if status != 0:
            raise AssertionError(f"the server ended with status {status}: {cls.server.lines}")

    def chat(self, messages=QUESTION, **options):
        options = {"temperature": 0, "max_tokens": 24, **options}
        return self.client.chat.completions.create(model=self.name, messages=messages, **options)

    def assertRefused(self, kind, code, parameter=None, **options):
        with self.assertRaises(kind) as caught:
            self.chat(**options)
        self.assertEqual(caught.exception.code, code, caught.exception)
        if parameter:
            self.assertEqual(caught.exception.param, parameter, caught.exception)


class WithTemplate(WithServer):
    """A server whose model has another chat template."""

    template = None

    @classmethod
    def setUpClass(cls):
        cls.file = tempfile.NamedTemporaryFile("w")
        cls.file.write(cls.template)
        cls.file.flush()
        cls.arguments = ("--chat-template", cls.file.name, *cls.arguments)
        super().setUpClass()

    @classmethod
    def tearDownClass(cls):
        super().tearDownClass()
        cls.file.close()
