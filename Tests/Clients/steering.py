"""A proxy for clients that choose by themselves when to call tools: it asks for a call in their first request with tools."""
import http.client
import http.server
import json
import threading

from client import URL


class Steering:
    """Use it in a `with` statement; `url` stands in the server's place, and `calls` has the bodies that went on to the server."""

    def __init__(self, choice, asks=lambda tools: True):
        """`choice` goes into the first body whose tools `asks` takes, as its `tool_choice`."""
        self.calls = []
        steering, asked = self, []

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def forward(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                if body:
                    content = json.loads(body)
                    if not asked and content.get("tools") and asks(content["tools"]):
                        asked.append(True)
                        content["tool_choice"] = choice
                    steering.calls.append(content)
                    body = json.dumps(content).encode()
                connection = http.client.HTTPConnection(URL.partition("//")[2], timeout=300)
                headers = {name: value for name, value in self.headers.items() if name.lower() in ["content-type", "authorization", "x-api-key"]}
                connection.request(self.command, self.path, body or None, headers)
                answer = connection.getresponse()
                self.send_response(answer.status)
                self.send_header("Content-Type", answer.headers.get("Content-Type", "text/plain"))
                self.send_header("Connection", "close")
                self.end_headers()
                while part := answer.read1(65536):
                    self.wfile.write(part)
                    self.wfile.flush()
                self.close_connection = True
                connection.close()

            do_GET = do_HEAD = do_POST = forward

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
