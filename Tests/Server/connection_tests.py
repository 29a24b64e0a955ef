"""Clients that go away, a line that is full, and a server that is told to stop."""
import concurrent.futures
import json
import socket
import subprocess
import time
import unittest

import openai

from harness import ENDLESS, QUESTION, Options, Server, WithServer, client, get, metrics, wait_until


class Disconnects(WithServer):
    def test_disconnect(self):
        stream = self.chat(stream=True, max_tokens=7000, logit_bias=ENDLESS)
        next(iter(stream))
        self.assertEqual(metrics(self.server)["jamba_requests_running"], 1)
        stream.close()
        wait_until(lambda: metrics(self.server)["jamba_requests_running"] == 0)
        # One that is waited for without a stream.
        body = json.dumps({"messages": QUESTION, "max_tokens": 7000, "logit_bias": ENDLESS, "ignored": None}).encode()
        with socket.create_connection(("127.0.0.1", self.server.port)) as connection:
            connection.sendall(
                b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
            wait_until(lambda: metrics(self.server)["jamba_requests_running"] == 1)
        wait_until(lambda: metrics(self.server)["jamba_requests_running"] == 0)


class Crowd(WithServer):
    arguments = ("--sessions", "1", "--queue", "1")

    def test_line_is_bounded_and_left_by_who_goes_away(self):
        running = self.chat(stream=True, max_tokens=7000, logit_bias=ENDLESS)
        next(iter(running))
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(self.chat)
            wait_until(lambda: metrics(self.server)["jamba_requests_waiting"] == 1)
            with self.assertRaises(openai.RateLimitError) as caught:
                self.chat()
            self.assertEqual(caught.exception.code, "queue_full")
            self.assertGreater(int(caught.exception.response.headers["retry-after"]), 0)
            running.close()
            self.assertEqual(len(waiting.result().choices), 1)
        body = json.dumps({"messages": QUESTION}).encode()
        running = self.chat(stream=True, max_tokens=7000, logit_bias=ENDLESS)
        next(iter(running))
        with socket.create_connection(("127.0.0.1", self.server.port)) as connection:
            connection.sendall(
                b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
            wait_until(lambda: metrics(self.server)["jamba_requests_waiting"] == 1)
        wait_until(lambda: metrics(self.server)["jamba_requests_waiting"] == 0)
        running.close()


class Idlers(unittest.TestCase):
    def test_idle_connections_keep_nobody_out(self):
        with Server(Options.program, Options.model) as server:
            running = client(server).chat.completions.create(
                model="demo", messages=QUESTION, stream=True, max_tokens=7000, logit_bias=ENDLESS)
            next(iter(running))
            idlers = []
            try:
                for number in range(400):
                    idler = socket.create_connection(("127.0.0.1", server.port), timeout=10)
                    if number % 2:
                        idler.sendall(b"POST /tokenize HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n{")
                    idlers.append(idler)
                for _ in range(3):
                    self.assertEqual(get(server, "/health"), {"status": "ok"})
                # The oldest ones have made room; who gets an answer has stayed.
                idlers[0].settimeout(10)
                self.assertEqual(idlers[0].recv(1), b"")
                self.assertIsNotNone(next(iter(running)))
            finally:
                for idler in idlers:
                    idler.close()
                running.close()


class SilentClients(WithServer):
    def test_half_a_minute(self):
        request = b"GET /health HTTP/1.1\r\nHost: localhost\r\n"
        silent = {name: socket.create_connection(("127.0.0.1", self.server.port), timeout=60) for name in ("never", "header", "answered")}
        start = time.monotonic()
        silent["header"].sendall(request)
        silent["answered"].sendall(request + b"\r\n")
        self.assertIn(b"200 OK", silent["answered"].recv(4096))
        for name, connection in silent.items():
            with self.subTest(name), connection:
                while connection.recv(4096):
                    pass
                self.assertGreater(time.monotonic() - start, 29)
                self.assertLess(time.monotonic() - start, 55)


class Stopping(unittest.TestCase):
    def start(self, *arguments):
        server = Server(Options.program, Options.model, *arguments)
        stream = client(server).chat.completions.create(
            model=client(server).models.list().data[0].id, messages=QUESTION, temperature=0, stream=True,
            max_tokens=1000, logit_bias=ENDLESS)
        return server, iter(stream)

    def test_running_answers_finish(self):
        server, stream = self.start()
        next(stream)
        server.process.terminate()
        chunks = list(stream)
        self.assertEqual(chunks[-1].choices[0].finish_reason, "length")
        self.assertEqual(server.stop(), 0)

    def test_or_are_told(self):
        server, stream = self.start("--grace", "0")
        next(stream)
        server.process.terminate()
        with self.assertRaises(openai.APIError) as caught:
            list(stream)
        self.assertEqual(caught.exception.code, "stopping")
        self.assertEqual(server.stop(), 0)

    def test_taken_port(self):
        with Server(Options.program, Options.model) as server:
            other = subprocess.run([Options.program, "serve", Options.model, "--port", str(server.port)], capture_output=True, text=True, timeout=60)
        self.assertEqual(other.returncode, 1)
        self.assertIn("cannot listen on 127.0.0.1", other.stderr)
