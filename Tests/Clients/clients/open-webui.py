# packages: open-webui
# opt-in: it takes 7 GB
"""Open WebUI, asked as its page asks it."""
import json
import os
import pathlib
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid

from client import BASE, QUESTION, URL, check, feature

MESSAGES = [{"role": "user", "content": QUESTION}]
PROGRAM = pathlib.Path(sys.prefix) / "bin/open-webui"
START_SECONDS = 240


class Application:
    """Open WebUI on a free port of this machine, with a new folder for its data. Use it in a `with` statement."""

    def __init__(self, **settings):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        folder = pathlib.Path("open-webui").absolute()
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        surroundings = {
            "HOME": str(folder), "DATA_DIR": str(folder), "PATH": os.environ["PATH"], "NO_PROXY": "127.0.0.1,localhost",
            "WEBUI_SECRET_KEY": secrets.token_hex(16), "OFFLINE_MODE": "true", "HF_HUB_OFFLINE": "1", "DO_NOT_TRACK": "true",
            "SCARF_NO_ANALYTICS": "true", "ANONYMIZED_TELEMETRY": "false", "RAG_EMBEDDING_ENGINE": "openai", "RAG_EMBEDDING_MODEL": "demo",
            "RAG_OPENAI_API_BASE_URL": BASE, "RAG_OPENAI_API_KEY": "none", "OPENAI_API_BASE_URL": BASE, "OPENAI_API_KEY": "none",
            "OLLAMA_BASE_URL": URL, **settings,
        }
        self.log = open(folder / "log", "w")
        self.process = subprocess.Popen(
            [PROGRAM, "serve", "--host", "127.0.0.1", "--port", str(self.port)], env=surroundings, cwd=folder, stdout=self.log, stderr=self.log)

    def __enter__(self):
        end = time.monotonic() + START_SECONDS
        while True:
            try:
                self.ask("/health", key=None)
                break
            except urllib.error.URLError:
                check(self.process.poll() is None and time.monotonic() < end, "it does not start")
                time.sleep(1)
        # The first one is the administrator.
        account = {"name": "Tester", "email": "tester@localhost.test", "password": secrets.token_urlsafe(16) + "aA1!"}
        self.key = self.ask("/api/v1/auths/signup", account, key=None)["token"]
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(60)
        self.log.close()

    def text(self, path, body=None, **options):
        key = options.get("key", getattr(self, "key", None))
        headers = {"Content-Type": "application/json", **({"Authorization": "Bearer " + key} if key else {})}
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", json.dumps(body).encode() if body else None, headers)
        with urllib.request.urlopen(request, timeout=120) as answer:
            return answer.read().decode()

    def ask(self, path, body=None, **options):
        return json.loads(self.text(path, body, **options))

    def talk(self, **options):
        """A chat as the page makes it: kept, answered in the background, then named and tagged by the model; the answer and the chat."""
        mine, answer = str(uuid.uuid4()), str(uuid.uuid4())
        question = {"id": mine, "parentId": None, "childrenIds": [answer], "role": "user", "content": QUESTION, "models": ["demo"], "timestamp": 1}
        blank = {"id": answer, "parentId": mine, "childrenIds": [], "role": "assistant", "content": "", "model": "demo", "timestamp": 1}
        history = {"messages": {mine: question, answer: blank}, "currentId": answer}
        chat = {"title": "New Chat", "models": ["demo"], "history": history, "messages": [question, blank], "timestamp": 1}
        place = "/api/v1/chats/" + self.ask("/api/v1/chats/new", {"chat": chat})["id"]
        tasks = {"title_generation": True, "tags_generation": True, "follow_up_generation": True}
        self.ask("/api/chat/completions", {
            "model": "demo", "stream": True, "messages": MESSAGES, "chat_id": place.rpartition("/")[2], "id": answer, "parent_id": mine,
            "session_id": str(uuid.uuid4()), "user_message": question, "background_tasks": tasks, **options})
        for _ in range(60):
            time.sleep(1)
            chat = self.ask(place)
            found = chat["chat"]["history"]["messages"][answer]
            check(not found.get("error"), found.get("error"))
            if found.get("done") and chat["title"] != "New Chat":
                return found["content"], chat
        raise AssertionError("no answer")


with Application(ENABLE_OLLAMA_API="false") as app:

    @feature("models")
    def _():
        models = app.ask("/api/models")["data"]
        check([(model["id"], model["owned_by"]) for model in models] == [("demo", "openai")], models)

    @feature("chat")
    def _():
        check(app.ask("/api/chat/completions", {"model": "demo", "messages": MESSAGES})["choices"][0]["message"]["content"])

    @feature("stream")
    def _():
        check(app.text("/api/chat/completions", {"model": "demo", "stream": True, "messages": MESSAGES}).strip().endswith("data: [DONE]"))

    @feature("page's chat with the tools built in")
    def _():
        content, chat = app.talk(params={"function_calling": "native"}, features={"memory": True})
        check(content and chat["title"])

    @feature("tasks")
    def _():
        turns = MESSAGES + [{"role": "assistant", "content": "Once upon a time."}]
        for task in ["title", "tags", "follow_up", "queries", "emoji", "image_prompt"]:
            answer = app.ask(f"/api/v1/tasks/{task}/completions", {"model": "demo", "messages": turns, "prompt": QUESTION, "type": "web_search"})
            check(answer["choices"], answer)

    @feature("documents")
    def _():
        check(app.ask("/api/v1/retrieval/process/text", {"name": "ball", "content": "The ball is red. " * 200})["status"])

    @feature("as Anthropic's")
    def _():
        check(app.ask("/api/v1/messages", {"model": "demo", "max_tokens": 16, "messages": MESSAGES})["content"][0]["text"])


with Application(ENABLE_OPENAI_API="false") as app:

    @feature("as Ollama's")
    def _():
        check(app.ask("/api/models")["data"][0]["owned_by"] == "ollama")
        content, chat = app.talk(params={"function_calling": "native"})
        check(content and chat["title"])
