# packages: ollama
import json

import ollama

from client import QUESTION, SCHEMA, URL, check, check_form, feature

api = ollama.Client(host=URL)
MESSAGES = [{"role": "user", "content": QUESTION}]
OPTIONS = {"num_predict": 16, "temperature": 0}


@feature("models")
def _():
    check(api.list().models[0].model.startswith("demo"))
    check(api.show("demo").modelinfo is not None)
    check(len(api.ps().models) == 1)


@feature("chat")
def _():
    check(api.chat(model="demo", messages=MESSAGES, options=OPTIONS).message.content)


@feature("stream")
def _():
    check("".join(part.message.content for part in api.chat(model="demo", messages=MESSAGES, options=OPTIONS, stream=True)))


@feature("generate")
def _():
    check(api.generate(model="demo", prompt=QUESTION, options=OPTIONS).response)


@feature("schema")
def _():
    check_form(json.loads(api.chat(model="demo", messages=MESSAGES, format=SCHEMA).message.content))


@feature("embeddings")
def _():
    check(len(api.embed(model="demo", input=["a ball", "a cake"]).embeddings) == 2)
    check(api.embeddings(model="demo", prompt="a ball").embedding)
