"""Where the server listens, and what stands in front of it: TLS, sockets at a path, proxies, pages of other origins, the log."""
import http.client
import json
import os
import pathlib
import shutil
import socket
import ssl
import stat
import subprocess
import tempfile
import time
import unittest
import urllib.error
import urllib.request

import openai

from harness import ENDLESS, QUESTION, REPOSITORY, Options, Server, client, exchange, get, metrics, post, wait_until


def certificate(folder, name="localhost"):
    """Paths of a certificate for a name, and of its key."""
    paths = f"{folder}/{name}.pem", f"{folder}/{name}.key"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj",
         f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}", "-out", paths[0], "-keyout", paths[1]],
        check=True, capture_output=True)
    return paths


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def streams(api):
    """Whether chunks of an endless answer come while it is made."""
    stream = api.chat.completions.create(model="demo", messages=QUESTION, stream=True, max_tokens=7000, logit_bias=ENDLESS)
    found = [chunk for chunk, _ in zip(stream, range(3))]
    stream.close()
    return len(found) == 3


@unittest.skipUnless(shutil.which("openssl"), "openssl makes the certificates")
class Encryption(unittest.TestCase):
    def test_tls(self):
        with tempfile.TemporaryDirectory() as folder:
            pem, key = certificate(folder)
            with Server(Options.program, Options.model, "--tls-cert", pem, "--tls-key", key) as server:
                self.assertTrue(server.url.startswith("https://"))
                trusted = ssl.create_default_context(cafile=pem)
                base = f"https://localhost:{server.port}"
                with urllib.request.urlopen(base + "/health", context=trusted, timeout=10) as answer:
                    self.assertEqual(json.load(answer), {"status": "ok"})
                api = openai.OpenAI(
                    base_url=base + "/v1", api_key="none", max_retries=0, http_client=openai.DefaultHttpxClient(verify=trusted))
                self.assertTrue(streams(api))
                # Who does not speak it, speaks half of it, or trusts nobody, harms no other.
                self.assertNotIn(b" 200 ", exchange(server, b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n", 5))
                with self.assertRaises(urllib.error.URLError):
                    urllib.request.urlopen(base + "/health", timeout=10)
                self.assertTrue(streams(api))
                wait_until(lambda: b"jamba_requests_running 0" in urllib.request.urlopen(base + "/metrics", context=trusted).read())
                self.assertEqual(server.stop(), 0)

    def test_what_cannot_be_used(self):
        with tempfile.TemporaryDirectory() as folder:
            pem, key = certificate(folder)
            other = certificate(folder, "other")
            for arguments, reason in [
                (("--tls-cert", key, "--tls-key", key), "certificate"), (("--tls-cert", pem, "--tls-key", pem), "key"),
                (("--tls-cert", pem, "--tls-key", other[1]), "key"), (("--tls-cert", folder + "/no", "--tls-key", key), "/no"),
                (("--tls-cert", pem), "--tls-key"),
            ]:
                run = subprocess.run([Options.program, "serve", Options.model, "--port", "0", *arguments], capture_output=True, text=True, timeout=60)
                self.assertNotEqual(run.returncode, 0, arguments)
                self.assertIn(reason, run.stderr)


class Sockets(unittest.TestCase):
    def test_socket_at_a_path(self):
        with tempfile.TemporaryDirectory() as folder:
            path = folder + "/jamba.sock"
            def start():
                process = subprocess.Popen([Options.program, "serve", Options.model, "--unix", path], stderr=subprocess.PIPE, text=True)
                self.assertEqual(process.stderr.readline(), f"Listening on unix:{path}\n")
                return process
            def health():
                with socket.socket(socket.AF_UNIX) as connection:
                    connection.settimeout(10)
                    connection.connect(path)
                    connection.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                    return b"".join(iter(lambda: connection.recv(4096), b""))
            first = start()
            self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)
            self.assertIn(b'{"status":"ok"}', health())
            # It is not taken from a server that listens.
            second = subprocess.run([Options.program, "serve", Options.model, "--unix", path], capture_output=True, text=True, timeout=60)
            self.assertEqual(second.returncode, 1)
            self.assertIn("cannot listen on " + path, second.stderr)
            self.assertIn(b'{"status":"ok"}', health())
            # One that nobody listens on any more is.
            first.kill()
            first.wait()
            first.stderr.close()
            self.assertTrue(os.path.exists(path))
            third = start()
            self.assertIn(b'{"status":"ok"}', health())
            third.terminate()
            self.assertEqual(third.wait(60), 0)
            third.stderr.close()
            self.assertFalse(os.path.exists(path))
            # A file is left alone.
            pathlib.Path(path).write_text("mine")
            last = subprocess.run([Options.program, "serve", Options.model, "--unix", path], capture_output=True, text=True, timeout=60)
            self.assertEqual((last.returncode, pathlib.Path(path).read_text()), (1, "mine"))


def nginx(folder, site):
    """nginx with a site, and all that it writes in a folder."""
    paths = "".join(f"{kind}_temp_path {folder}/{kind};" for kind in ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"])
    config = pathlib.Path(folder, "nginx.conf")
    config.write_text(f"pid {folder}/pid; error_log {folder}/log; daemon off; master_process off; events {{}} http {{ access_log off; {paths} {site} }}")
    return subprocess.Popen(["nginx", "-p", folder, "-c", str(config)], stderr=subprocess.DEVNULL)


class Proxies(unittest.TestCase):
    """The examples, with other ports and names of files."""

    def check(self, start, server_arguments=()):
        with tempfile.TemporaryDirectory() as folder:
            port = free_port()
            with Server(Options.program, Options.model, "--allowed-host", "chat.example", *server_arguments) as server:
                process, trusted = start(folder, port, server.port)
                try:
                    wait_until(lambda: socket.socket().connect_ex(("127.0.0.1", port)) == 0, 30)
                    base = f"{'https' if trusted else 'http'}://localhost:{port}/v1"
                    api = openai.OpenAI(
                        base_url=base, api_key="none", max_retries=0, default_headers={"Host": "chat.example"},
                        http_client=openai.DefaultHttpxClient(verify=trusted or True))
                    self.assertTrue(streams(api))
                    self.assertEqual(len(api.models.list().data), 1)
                finally:
                    process.terminate()
                    process.wait()

    @unittest.skipUnless(shutil.which("nginx") and shutil.which("openssl"), "nginx is not installed")
    def test_nginx(self):
        def start(folder, port, target):
            pem, key = certificate(folder)
            site = (REPOSITORY / "examples/proxy/nginx.conf").read_text()
            for old, new in [
                ("listen 443 ssl", f"listen 127.0.0.1:{port} ssl"), ("/etc/ssl/chat.example.pem", pem), ("/etc/ssl/chat.example.key", key),
                ("127.0.0.1:8080", f"127.0.0.1:{target}"),
            ]:
                self.assertIn(old, site)
                site = site.replace(old, new)
            return nginx(folder, site), ssl.create_default_context(cafile=pem)
        self.check(start)

    @unittest.skipUnless(shutil.which("nginx"), "nginx is not installed")
    def test_nginx_with_replicas(self):
        with tempfile.TemporaryDirectory() as folder, Server(Options.program, Options.model, "--allowed-host", "chat.example") as one, \
                Server(Options.program, Options.model, "--allowed-host", "chat.example") as two:
            port = free_port()
            site = (REPOSITORY / "examples/proxy/nginx-replicas.conf").read_text()
            for old, new in [
                ("listen 80;", f"listen 127.0.0.1:{port};"), ("127.0.0.1:8080", f"127.0.0.1:{one.port}"),
                ("127.0.0.1:8081", f"127.0.0.1:{two.port}"),
            ]:
                self.assertIn(old, site)
                site = site.replace(old, new)
            proxy = nginx(folder, site)
            try:
                wait_until(lambda: socket.socket().connect_ex(("127.0.0.1", port)) == 0, 30)
                self.converse(port, one, two)
            finally:
                proxy.terminate()
                proxy.wait()

    def converse(self, port, one, two):
        api = openai.OpenAI(base_url=f"http://localhost:{port}/v1", api_key="none", max_retries=0, default_headers={"Host": "chat.example"})

        def read(server):
            return metrics(server)["jamba_prompt_tokens_total"]

        def ask(name, messages):
            """The answer, and which server gave it."""
            before = read(one), read(two)
            answer = api.chat.completions.create(
                model="any", messages=messages, max_tokens=12, temperature=0, extra_headers={"X-Conversation": name})
            wait_until(lambda: (read(one), read(two)) != before)
            return answer, [one, two][read(one) == before[0]]

        places = {}
        for turn in range(12):
            name = f"conversation {turn}"
            first = [{"role": "user", "content": f"Tell me story number {turn} about a red ball and a dog."}]
            answer, places[name] = ask(name, first)
            second = [*first, {"role": "assistant", "content": answer.choices[0].message.content}, {"role": "user", "content": "More."}]
            again, place = ask(name, second)
            # The second turn finds what the first has read.
            self.assertIs(place, places[name])
            self.assertGreaterEqual(again.usage.prompt_tokens_details.cached_tokens, answer.usage.prompt_tokens)
        self.assertEqual({id(place) for place in places.values()}, {id(one), id(two)})
        # Who is gone is passed over, and no conversation of the other moves.
        one.stop()
        for name in places:
            before = read(two)
            api.chat.completions.create(model="any", messages=QUESTION, max_tokens=2, extra_headers={"X-Conversation": name})
            wait_until(lambda: read(two) > before)

    @unittest.skipUnless(shutil.which("caddy"), "Caddy is not installed")
    def test_caddy(self):
        def start(folder, port, target):
            site = (REPOSITORY / "examples/proxy/Caddyfile").read_text()
            # Without a certificate, which the example has from an authority.
            for old, new in [("chat.example {", f"http://chat.example:{port} {{"), ("127.0.0.1:8080", f"127.0.0.1:{target}")]:
                self.assertIn(old, site)
                site = site.replace(old, new)
            config = pathlib.Path(folder, "Caddyfile")
            config.write_text("{\n\tadmin off\n}\n" + site)
            environment = {**os.environ, "XDG_DATA_HOME": folder, "XDG_CONFIG_HOME": folder}
            return subprocess.Popen(
                ["caddy", "run", "--adapter", "caddyfile", "--config", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                env=environment), None
        self.check(start)


class Pages(unittest.TestCase):
    def test_preflight_of_clients_fields(self):
        with Server(Options.program, Options.model, "--cors-origin", "https://chat.example") as server:
            def ask(names, origin="https://chat.example", path="/v1/chat/completions", **headers):
                connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
                connection.request("OPTIONS", path, headers={
                    "Origin": origin, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": names, **headers})
                answer = connection.getresponse()
                answer.read()
                connection.close()
                return answer.status, answer.headers
            asked = "authorization,content-type,x-stainless-lang,x-stainless-retry-count,openai-organization,anthropic-version," \
                "anthropic-dangerous-direct-browser-access,x-api-key"
            status, headers = ask(asked)
            self.assertEqual(status, 204)
            self.assertEqual(headers["Access-Control-Allow-Headers"].split(", "), asked.split(","))
            self.assertEqual(headers["Access-Control-Allow-Origin"], "https://chat.example")
            self.assertIn("POST", headers["Access-Control-Allow-Methods"])
            self.assertIsNone(headers["Access-Control-Allow-Private-Network"])
            self.assertEqual(ask("cookie, x-forwarded-for, X-API-Key, x é, authorization")[1]["Access-Control-Allow-Headers"], "x-api-key, authorization")
            self.assertEqual(ask("a", **{"Access-Control-Request-Private-Network": "true"})[1]["Access-Control-Allow-Private-Network"], "true")
            self.assertEqual(ask(asked, origin="https://evil.example")[0], 403)

    def test_containers_names(self):
        with Server(Options.program, Options.model) as server:
            for host in ["host.docker.internal", "host.containers.internal:8080", "Host.Docker.Internal"]:
                self.assertEqual(get(server, "/health", Host=host), {"status": "ok"})


class Log(unittest.TestCase):
    def lines(self, *arguments):
        with Server(Options.program, Options.model, "--log-requests", *arguments) as server:
            def stream():
                body = json.dumps({"prompt": "a secret", "max_tokens": 2, "stream": True}).encode()
                with urllib.request.urlopen(urllib.request.Request(server.url + "/v1/completions", body)) as answer:
                    answer.read()
            body = {"messages": [{"role": "user", "content": "a secret"}], "max_tokens": 3, "temperature": 0}
            # A line is written when its answer has been sent, which a client may see before: each waits for its own.
            for number, ask in enumerate([
                    lambda: get(server, "/health"), lambda: post(server, "/v1/chat/completions", body), stream,
                    lambda: post(server, "/v1/chat/completions", {"messages": "a secret"}), lambda: post(server, "/v1/secret", {})]):
                ask()
                wait_until(lambda: len(server.lines) >= number + 2)
            time.sleep(0.2)
            return [line.rstrip("\n") for line in server.lines[1:]]

    def test_text(self):
        lines = self.lines()
        self.assertEqual(len(lines), 5, lines)
        self.assertNotIn("secret", "".join(lines))
        start = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ "
        for line, rest in zip(lines, [
            r"GET /health 200 \d+\.\d{3} s$", r"POST /v1/chat/completions 200 \d+ \(\d+ cached\) \+ 3 tokens \d+\.\d{3} s$",
            r"POST /v1/completions 200 \d+ \(\d+ cached\) \+ 2 tokens \d+\.\d{3} s$", r"POST /v1/chat/completions 400 \d+\.\d{3} s$",
            r"POST other 404 \d+\.\d{3} s$",
        ]):
            self.assertRegex(line, start + rest)

    def test_json(self):
        lines = [json.loads(line) for line in self.lines("--log-format", "json")]
        self.assertEqual([line["status"] for line in lines], [200, 200, 200, 400, 404])
        self.assertEqual(lines[1]["completion_tokens"], 3)
        self.assertEqual(sorted(lines[0]), ["method", "route", "seconds", "status", "time"])
