"""Embeddings, in OpenAI's words and in Ollama's."""
import base64
import math
import struct

import openai

from harness import WithServer, post

TEXTS = ["Once upon a time there was a ball.", "The ball was red.", "Sam ate the cake in the kitchen."]


class Embeddings(WithServer):
    def embed(self, texts, **options):
        return self.client.embeddings.create(model=self.name, input=texts, **options)

    def test_texts_and_tokens(self):
        answer = self.embed(TEXTS)
        self.assertEqual([entry.index for entry in answer.data], [0, 1, 2])
        tokens = [post(self.server, "/tokenize", {"content": text, "add_special": True})[1]["tokens"] for text in TEXTS]
        self.assertEqual(answer.usage.prompt_tokens, sum(map(len, tokens)))
        self.assertEqual(answer.usage.total_tokens, answer.usage.prompt_tokens)
        for text, ids, entry in zip(TEXTS, tokens, answer.data):
            self.assertAlmostEqual(math.hypot(*entry.embedding), 1, places=5)
            self.assertEqual(self.embed(text).data[0].embedding, entry.embedding)
            self.assertEqual(self.embed(ids).data[0].embedding, entry.embedding)
        self.assertEqual([entry.embedding for entry in self.embed(tokens).data], [entry.embedding for entry in answer.data])
        # Of one kind of text and of another.
        self.assertNotEqual(answer.data[0].embedding, answer.data[1].embedding)

    def test_encodings(self):
        body = {"input": TEXTS[0]}
        numbers = post(self.server, "/v1/embeddings", body)[1]["data"][0]["embedding"]
        text = post(self.server, "/v1/embeddings", {**body, "encoding_format": "base64"})[1]["data"][0]["embedding"]
        data = base64.b64decode(text, validate=True)
        self.assertEqual(list(struct.unpack(f"<{len(data) // 4}f", data)), [struct.unpack("f", struct.pack("f", value))[0] for value in numbers])
        raw = post(self.server, "/embeddings", {**body, "embd_normalize": -1, "dimensions": len(numbers)})[1]["data"][0]["embedding"]
        length = math.hypot(*raw)
        self.assertNotAlmostEqual(length, 1)
        for value, scaled in zip(raw, numbers):
            self.assertAlmostEqual(value / length, scaled, places=5)

    def test_ollama(self):
        numbers = [entry.embedding for entry in self.embed(TEXTS, encoding_format="float").data]
        status, several = post(self.server, "/api/embed", {"model": "x", "input": TEXTS, "options": {"num_ctx": 5}, "keep_alive": "1m"})
        self.assertEqual((status, several["embeddings"]), (200, numbers))
        self.assertEqual(several["prompt_eval_count"], self.embed(TEXTS).usage.prompt_tokens)
        self.assertEqual(post(self.server, "/api/embed", {"input": TEXTS[0]})[1]["embeddings"], numbers[:1])
        self.assertEqual(post(self.server, "/api/embed", {"input": ""})[1]["embeddings"], [])
        older = post(self.server, "/api/embeddings", {"prompt": TEXTS[0]})[1]["embedding"]
        length = math.hypot(*older)
        self.assertAlmostEqual(older[0] / length, numbers[0][0], places=5)
        long = "ball " * 9000
        self.assertEqual(post(self.server, "/api/embed", {"input": long, "truncate": False})[0], 400)

    def test_refusals(self):
        for parameter, options in [
            ("dimensions", {"dimensions": 7}), ("encoding_format", {"extra_body": {"encoding_format": "int8"}}),
            ("input", {"input": ""}), ("input", {"input": []}), ("input", {"input": ["a", ""]}), ("input", {"input": [[]]}),
            ("input", {"input": [5] * 9000}),
        ]:
            with self.assertRaises(openai.BadRequestError) as caught:
                self.embed(options.pop("input", "a"), **options)
            self.assertEqual(caught.exception.param, parameter, caught.exception)
        self.assertEqual(post(self.server, "/v1/embeddings", {"input": [99999]})[0], 400)
        self.assertEqual(post(self.server, "/v1/embeddings", {})[1]["error"]["param"], "input")
