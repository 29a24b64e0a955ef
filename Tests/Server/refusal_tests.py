"""What the server refuses: requests, bytes that are none, and strangers."""
import select
import socket
import tempfile
import unittest
import urllib.request

import openai

from harness import QUESTION, REPOSITORY, WEATHER, Options, Server, WithServer, client, exchange, post, wait_until


class Refusals(WithServer):
    def test_refusals(self):
        bad = openai.BadRequestError
        self.assertRefused(bad, "unsupported_parameter", "min_tokens", extra_body={"min_tokens": 5})
        self.assertRefused(bad, "unsupported_parameter", "modalities", modalities=["text", "audio"])
        self.assertRefused(bad, "invalid_value", frequency_penalty=101)
        self.assertRefused(bad, "invalid_value", extra_body={"mirostat": 1})
        self.assertRefused(bad, "invalid_value", "n", n=0)
        self.assertRefused(bad, "invalid_value", "n", n=17)
        self.assertRefused(bad, "invalid_value", temperature=-1)
        self.assertRefused(bad, "invalid_value", "top_logprobs", top_logprobs=3)
        self.assertRefused(bad, "invalid_value", "logit_bias", logit_bias={"999999": 1})
        self.assertRefused(bad, "invalid_value", "stop", stop=["x" * 1001])
        self.assertRefused(bad, "invalid_value", "messages[0].role", messages=[{"role": "robot", "content": ""}])
        self.assertRefused(bad, "missing_required_parameter", "messages", messages=[])
        self.assertRefused(
            bad, "unsupported_parameter", "messages[0].content",
            messages=[{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "http://x"}}]}])
        self.assertRefused(
            bad, "invalid_value", "continue_final_message",
            extra_body={"continue_final_message": True, "add_generation_prompt": True})
        self.assertRefused(
            bad, "invalid_schema", response_format={"type": "json_schema", "json_schema": {"name": "x", "schema": {"not": {}}}})
        self.assertRefused(bad, "context_length_exceeded", messages=[{"role": "user", "content": "ball " * 20000}])

    def test_garbage(self):
        for body in [b"", b"{", b"[]", b"\xff\xfe", b'{"messages":' + b"[" * 5000, b'{"a":1,"a":2}']:
            status, answer = post(self.server, "/v1/chat/completions", body)
            self.assertEqual((status, answer["error"]["code"]), (400, "invalid_json"), body[:20])
        status, answer = post(self.server, "/v1/chat/completions", b'{"messages":[' + b"[]," * 500_000 + b"[]]}")
        self.assertEqual((status, answer["error"]["code"]), (413, "body_too_large"))
        host = f"Host: 127.0.0.1:{self.server.port}\r\n".encode()
        large = b"POST /v1/chat/completions HTTP/1.1\r\n" + host + b"Content-Length: 90000000\r\n\r\n" + b"x" * 100_000
        self.assertIn(b" 413 ", exchange(self.server, large).split(b"\r\n")[0])
        chunk = b"%x\r\n%s\r\n" % (1 << 20, b" " * (1 << 20))
        endless = b"POST /v1/chat/completions HTTP/1.1\r\n" + host + b"Transfer-Encoding: chunked\r\n\r\n" + chunk * 10
        self.assertIn(b" 413 ", exchange(self.server, endless).split(b"\r\n")[0])
        for data in [b"\x00\x01\x02\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"GET / HTTP/1.1\r\nX: " + b"a" * 40_000 + b"\r\n\r\n"]:
            self.assertIn(b" 400 ", exchange(self.server, data).split(b"\r\n")[0] or b" 400 ", data[:30])
        self.assertIn(b" 404 ", exchange(self.server, b"GET /../../etc/passwd HTTP/1.1\r\n" + host + b"\r\n"))
        self.assertIn(b" 405 ", exchange(self.server, b"DELETE /v1/models HTTP/1.1\r\n" + host + b"\r\n"))
        self.assertIn(b" 200 ", exchange(self.server, b"GET /health HTTP/1.1\r\n" + host + b"\r\n"))

    def test_headers_have_limits(self):
        def status(*fields):
            head = b"GET /health HTTP/1.1\r\nHost: localhost\r\n" + b"".join(fields)
            return exchange(self.server, head + b"\r\n", seconds=5).split(b"\r\n")[0]
        field = b"X-%d: a\r\n"
        self.assertIn(b" 200 ", status(*(field % number for number in range(90))))
        self.assertNotIn(b" 200 ", status(*(field % number for number in range(101))))
        self.assertIn(b" 200 ", status(b"X: " + b"a" * 16_000 + b"\r\n"))
        self.assertNotIn(b" 200 ", status(b"X: " + b"a" * 17_000 + b"\r\n"))
        self.assertIn(b" 200 ", status(*[b"X: " + b"a" * 15_000 + b"\r\n"] * 2))
        self.assertNotIn(b" 200 ", status(*[b"X: " + b"a" * 15_000 + b"\r\n"] * 3))

    def test_bodies_have_a_limit_together(self):
        size = 8 << 20
        head = b"POST /tokenize HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % size
        connections = []
        try:
            # Each but for its last byte: eight have room.
            for _ in range(9):
                connections.append(socket.create_connection(("127.0.0.1", self.server.port), timeout=20))
                connections[-1].sendall(head + b" " * (size - 1))
            refused = select.select(connections, [], [], 20)[0]
            self.assertEqual([connection.recv(4096).split(b" ")[1] for connection in refused], [b"503"])
        finally:
            for connection in connections:
                connection.close()
        wait_until(lambda: post(self.server, "/tokenize", {"content": "a"})[0] == 200)

    def test_strangers(self):
        def get(headers, method=b"GET", path=b"/v1/models"):
            return exchange(self.server, method + b" " + path + b" HTTP/1.1\r\n" + headers + b"\r\n").split(b"\r\n")[0]
        port = str(self.server.port).encode()
        self.assertIn(b" 403 ", get(b"Host: rebound.example:" + port + b"\r\n"))
        self.assertIn(b" 200 ", get(b"Host: localhost:" + port + b"\r\n"))
        self.assertIn(b" 200 ", get(b"Host: [::1]:" + port + b"\r\n"))
        self.assertIn(b" 200 ", get(b"Host: 127.0.0.1:" + port + b"\r\nOrigin: http://127.0.0.1:" + port + b"\r\n"))
        self.assertIn(b" 403 ", get(b"Host: 127.0.0.1:" + port + b"\r\nOrigin: https://evil.example\r\n"))
        self.assertIn(b" 403 ", get(b"Host: 127.0.0.1:" + port + b"\r\nOrigin: null\r\n"))

    def test_page(self):
        with urllib.request.urlopen(self.server.url + "/", timeout=10) as response:
            page = response.read().decode()
            policy = response.headers["Content-Security-Policy"]
        self.assertTrue(policy.startswith("default-src 'none'; script-src 'nonce-"))
        self.assertEqual(response.headers["X-Content-Type-Options"], "nosniff")
        nonce = policy.split("'nonce-")[1].split("'")[0]
        self.assertEqual(page.count(f'<script nonce="{nonce}">'), page.count("<script"))
        self.assertTrue(page.startswith("<!"))
        # All that it is made of is in it.
        for file in (REPOSITORY / "Sources/JambaServer/Page").iterdir():
            self.assertEqual(file.read_text(encoding="utf-8") in page, file.name != "page.html", file)
        self.assertNotIn("<script src", page)
        self.assertNotIn("<link rel=\"stylesheet\"", page)


class Keys(unittest.TestCase):
    def test_keys_and_origins(self):
        with tempfile.NamedTemporaryFile("w") as file:
            file.write("first\n\n second \n")
            file.flush()
            with Server(Options.program, Options.model, "--api-key-file", file.name, "--cors-origin", "https://chat.example", "--allowed-host", "box.lan") as server:
                for key in ["first", "second"]:
                    self.assertEqual(len(client(server, api_key=key).models.list().data), 1)
                for key in ["third", "firs", "firstt"]:
                    with self.assertRaises(openai.AuthenticationError):
                        client(server, api_key=key).models.list()
                self.assertIn(b" 200 ", exchange(server, b"GET /health HTTP/1.1\r\nHost: box.lan\r\n\r\n"))
                self.assertIn(b" 401 ", exchange(server, b"GET /metrics HTTP/1.1\r\nHost: box.lan\r\n\r\n"))
                preflight = exchange(
                    server, b"OPTIONS /v1/chat/completions HTTP/1.1\r\nHost: box.lan\r\nOrigin: https://chat.example\r\n"
                    b"Access-Control-Request-Method: POST\r\n\r\n", seconds=2).lower()
                self.assertIn(b" 204 ", preflight.split(b"\r\n")[0])
                self.assertIn(b"access-control-allow-origin: https://chat.example", preflight)
