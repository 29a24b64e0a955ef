#!/usr/bin/env python3
"""A server with scripted answers, for the tests of the page and for trying it by hand:

    Tests/Page/mock_server.py --port 8080

It speaks what `jamba serve` speaks to the page. The last message of the conversation says which answer comes: `slow`, `think`,
`markdown` and the other names in scripted_answers.py and in Handler.chat; every other message is answered with its own text.
"""
import argparse
import http.server
import itertools
import json
import pathlib
import re
import secrets
import threading
import time

from scripted_answers import ANSWERS

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = ROOT / "Sources/JambaServer/Page"
KATEX = ROOT / "CSupport/CKaTeX"
KATEX_ADDRESS = "/katex-0.16.22.min.js"

MODEL = {
    "id": "demo", "object": "model", "created": 1760000000, "owned_by": "jamba",
    "jamba": {"context": None, "parameters_bytes": 1_900_000_000, "memory_limit": 8 << 30, "supports_tools": True, "supports_reasoning": True},
}
PROPERTIES = {
    "default_generation_settings": {"n_ctx": 262144, "params": {"n_predict": 4096, "temperature": 1, "top_p": 1, "top_k": 0, "min_p": 0}},
    "total_slots": 4, "model_alias": "demo", "chat_template": "{% for message in messages %}<|{{ message.role }}|>{% endfor %}",
}


def whole_page(nonce):
    """page.html with the style sheet and the scripts where it names them, as `jamba serve` joins them."""
    def inline(tag, names):
        return f'<{tag} nonce="{nonce}">\n' + "".join((PAGE / name).read_text(encoding="utf-8") for name in names) + f"</{tag}>\n"

    page = (PAGE / "page.html").read_text(encoding="utf-8")
    page = re.sub(r'<link rel="stylesheet" href="([^"]*)">\n', lambda found: inline("style", [found[1]]), page)
    scripts = re.compile(r'<script src="([^"]*)"></script>\n')
    return re.sub(rf"(?:{scripts.pattern})+", lambda found: inline("script", scripts.findall(found[0])), page).encode()


def katex():
    """The library behind its license, as the program has it."""
    return b"/*!\n" + (KATEX / "LICENSE").read_bytes() + b"*/\n" + (KATEX / "katex.min.js").read_bytes()


def policy(nonce):
    return (f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; connect-src 'self'; "
            "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")


class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *arguments):
        pass

    def reply(self, status, body, kind="application/json", **headers):
        body = body if isinstance(body, bytes) else json.dumps(body).encode() if kind == "application/json" else body.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        try:
            self.wfile.write(body)
        except ConnectionError:
            pass  # The page has been closed.

    def refuse(self, status, message, kind="invalid_request_error", **headers):
        self.reply(status, {"error": {"message": message, "type": kind, "param": None, "code": None}}, **headers)

    def authorized(self):
        if not self.server.key or self.headers["Authorization"] == f"Bearer {self.server.key}":
            return True
        self.refuse(401, "Missing or wrong API key.", "authentication_error")
        return False

    def do_GET(self):
        if self.path == "/":
            nonce = secrets.token_urlsafe(16)
            self.reply(200, whole_page(nonce), "text/html; charset=utf-8", Content_Security_Policy=policy(nonce),
                       X_Content_Type_Options="nosniff", Referrer_Policy="no-referrer")
        elif self.path == KATEX_ADDRESS and self.server.has_katex:
            self.server.katex_requests += 1
            self.reply(200, katex(), "text/javascript; charset=utf-8", Cache_Control="public, max-age=31536000, immutable")
        elif self.path == "/health":
            self.reply(200, {"status": "ok"})
        elif not self.authorized():
            return
        elif self.path == "/v1/models":
            self.reply(200, {"object": "list", "data": [{**MODEL, "id": name} for name in self.server.models]})
        elif self.path == "/props":
            self.reply(200, PROPERTIES)
        elif self.path == "/metrics":
            self.reply(200, "# TYPE jamba_memory_resident_bytes gauge\njamba_memory_resident_bytes 2254857830\n"
                       f"jamba_requests_running {self.server.running}\njamba_requests_waiting 0\n", "text/plain; version=0.0.4")
        else:
            self.refuse(404, f"There is no {self.path}.")

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if not self.authorized():
            return
        if self.path != "/v1/chat/completions":
            self.refuse(404, f"There is no {self.path}.")
            return
        request = json.loads(body)
        self.server.requests.append(request)
        self.server.running += 1
        try:
            if request.get("continue_final_message"):
                self.go_on(request)
            else:
                self.chat(request, request["messages"][-1]["content"])
        except ConnectionError:
            self.server.disconnects += 1
        finally:
            self.server.running -= 1

    def go_on(self, request):
        """The rest of an answer that the request ends with."""
        question, begun = (message["content"] for message in request["messages"][-2:])
        answer = ANSWERS.get(question, "")
        if request.get("add_generation_prompt") is not False or not answer.startswith(begun):
            return self.refuse(400, "There is nothing to go on with.")
        self.begin()
        pieces = re.findall(r"\s*\S{1,3}|\s+$", answer[len(begun):])
        for piece in pieces:
            self.piece(content=piece)
        self.end(request, "stop", len(pieces))

    def begin(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        time.sleep(self.server.pause)
        self.piece(role="assistant")

    def chat(self, request, said):
        if said == "429":
            return self.refuse(429, "The line is full.", "rate_limit_error", Retry_After="3")
        if said in ("400", "503"):
            return self.refuse(int(said), "Scripted to fail.")
        self.begin()
        if said == "drop":
            return self.piece(content="This ends in the mid")
        if said == "break":
            self.piece(content="This breaks")
            return self.event({"error": {"message": "Memory has run out.", "type": "server_error", "param": None, "code": None}})
        if said == "hang":
            for _ in range(300):  # comments keep the connection; writing them finds that the reader has gone
                self.write(": waiting\n\n")
                time.sleep(0.05)
        if said == "tool":
            self.piece(tool_calls=[{"index": 0, "id": "call_1", "type": "function", "function": {"name": "weather", "arguments": ""}}])
            for part in ('{"city": ', '"Oslo"}'):
                self.piece(tool_calls=[{"index": 0, "function": {"arguments": part}}])
            return self.end(request, "tool_calls", 9)
        if said == "think":
            for word in "First I think about <b>it</b>. ".split(" "):
                self.piece(reasoning_content=word + " ")
                time.sleep(self.server.pause)
        answer = ANSWERS.get(said) or ("word " * 400 if said == "slow" else f"You said: {said[:300]}")
        if said in self.server.variants:  # another answer each time
            answer = f"{answer} ({next(self.server.variants[said])})"
        pieces = re.findall(r"\s*\S{1,3}", answer)
        if said == "cut":
            pieces = pieces[:10]
        for piece in pieces:
            self.piece(content=piece)
            time.sleep(0.03 if said == "slow" else 0.002)
        self.end(request, "length" if request.get("max_tokens") or said == "cut" else "stop", len(pieces))

    def piece(self, **delta):
        self.event({"choices": [{"index": 0, "delta": delta, "finish_reason": None}]})

    def end(self, request, reason, count):
        self.event({"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]})
        prompt = sum(len(message["content"].split()) + 4 for message in request["messages"])
        cached = prompt - 5 if len(request["messages"]) > 2 else 0
        self.event({
            "choices": [],
            "usage": {"prompt_tokens": prompt, "completion_tokens": count, "total_tokens": prompt + count, "prompt_tokens_details": {"cached_tokens": cached}},
            "timings": {"prompt_tokens_per_second": 12.9, "predicted_tokens_per_second": 7.94},
        })
        self.write("data: [DONE]\n\n")

    def event(self, body):
        self.write(f"data: {json.dumps({'id': 'chatcmpl-1', 'object': 'chat.completion.chunk', 'model': 'demo', **body})}\n\n")

    def write(self, text):
        self.wfile.write(text.encode())
        self.wfile.flush()


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, port=0, key=None, models=("demo",), pause=0.0):
        super().__init__(("127.0.0.1", port), Handler)
        self.key, self.models, self.pause = key, models, pause
        self.requests, self.running, self.disconnects = [], 0, 0
        self.has_katex, self.katex_requests = True, 0
        self.variants = {"dice": itertools.count(1)}

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"

    def start(self):
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Serves the chat page with scripted answers.")
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--key", help="wants this API key")
    arguments = parser.parse_args()
    server = Server(arguments.port, arguments.key, pause=0.3)
    print(server.url, flush=True)
    server.serve_forever()
