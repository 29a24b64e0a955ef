"""Answers: the same as the program's other commands compute, whole or streamed, alone or beside others."""
import concurrent.futures
import json
import math
import os
import tempfile

import openai

from harness import QUESTION, Options, Server, WithServer, client, jamba, metrics, post, prompt_tokens, read_logits


class Answers(WithServer):
    def test_models(self):
        model = self.client.models.retrieve(self.name)
        self.assertEqual(model.object, "model")
        facts = model.model_extra["jamba"]
        self.assertGreater(facts["context"], 0)
        self.assertEqual(facts["parameters_bytes"], os.path.getsize(Options.model))
        with self.assertRaises(openai.NotFoundError):
            self.client.models.retrieve("another")

    def test_chat_is_what_generate_computes(self):
        tokens = prompt_tokens(QUESTION[0]["content"])
        alone = json.loads(jamba("generate", Options.model, "--tokens", ",".join(map(str, tokens)), "-n", "24", "--json"))
        answer = self.chat()
        self.assertEqual(answer.choices[0].message.content, alone["text"].lstrip())
        self.assertEqual(answer.choices[0].finish_reason, alone["finish_reason"])
        self.assertEqual(answer.usage.prompt_tokens, len(tokens))
        self.assertEqual(answer.usage.completion_tokens, len(alone["tokens"]))

    def test_stream(self):
        whole = self.chat(temperature=0.8, seed=5)
        chunks = list(self.chat(temperature=0.8, seed=5, stream=True, stream_options={"include_usage": True}))
        text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
        self.assertEqual(text, whole.choices[0].message.content)
        self.assertEqual(chunks[0].choices[0].delta.role, "assistant")
        self.assertEqual(chunks[-2].choices[0].finish_reason, whole.choices[0].finish_reason)
        self.assertEqual(chunks[-1].choices, [])
        self.assertEqual(chunks[-1].usage.completion_tokens, whole.usage.completion_tokens)
        self.assertGreater(chunks[-1].model_extra["timings"]["predicted_tokens_per_second"], 0)
        self.assertIsNone(chunks[0].usage)

    def test_penalties(self):
        def tokens(**options):
            answer = self.client.completions.create(
                model=self.name, prompt="Once", max_tokens=6, temperature=0, logprobs=0, logit_bias={"300": 50}, **options)
            return answer.choices[0].logprobs.tokens
        alone = tokens()
        self.assertEqual(alone, alone[:1] * 6)
        self.assertEqual(tokens(presence_penalty=100).count(alone[0]), 1)
        self.assertEqual(tokens(frequency_penalty=100).count(alone[0]), 1)
        dry = {"dry_multiplier": 100, "dry_allowed_length": 1, "dry_sequence_breakers": []}
        self.assertLess(tokens(extra_body=dry).count(alone[0]), 6)

    def test_seed_and_n(self):
        two = self.chat(temperature=1, seed=3, n=2)
        again = self.chat(temperature=1, seed=3)
        self.assertEqual([choice.index for choice in two.choices], [0, 1])
        self.assertEqual(two.choices[0].message.content, again.choices[0].message.content)
        self.assertNotEqual(two.choices[0].message.content, two.choices[1].message.content)
        self.assertEqual(two.usage.prompt_tokens, again.usage.prompt_tokens)
        streamed = ["", ""]
        for chunk in self.chat(temperature=1, seed=3, n=2, stream=True):
            streamed[chunk.choices[0].index] += chunk.choices[0].delta.content or ""
        self.assertEqual(streamed, [choice.message.content for choice in two.choices])

    def test_stop_and_length(self):
        whole = self.chat().choices[0]
        self.assertEqual(whole.finish_reason, "length")
        stop = whole.message.content[10:14]
        cut = self.chat(stop=[stop, "never said"]).choices[0]
        self.assertEqual(cut.finish_reason, "stop")
        self.assertEqual(cut.message.content, whole.message.content[: whole.message.content.index(stop)])

    def test_log_probabilities_are_those_of_the_logits(self):
        tokens = prompt_tokens(QUESTION[0]["content"])
        with tempfile.TemporaryDirectory() as folder:
            path = folder + "/logits.safetensors"
            jamba("logits", Options.model, "--tokens", ",".join(map(str, tokens)), "--output", path)
            logits = read_logits(path)[-1]
        largest = max(logits)
        total = largest + math.log(sum(math.exp(value - largest) for value in logits))
        expected = sorted((value - total for value in logits), reverse=True)[:5]
        # The numbers are float32: a unit in the last place of values up to 32 is 2e-6; the sum's exponentials add as much.
        answer = self.chat(logprobs=True, top_logprobs=5, max_tokens=3, temperature=1, seed=1)
        content = answer.choices[0].logprobs.content
        self.assertEqual(len(content), 3)
        for found, value in zip(content[0].top_logprobs, expected):
            self.assertAlmostEqual(found.logprob, value, delta=1e-5)
        chunks = list(self.chat(logprobs=True, top_logprobs=5, max_tokens=3, temperature=1, seed=1, stream=True))
        streamed = [entry for chunk in chunks if chunk.choices[0].logprobs for entry in chunk.choices[0].logprobs.content]
        self.assertEqual(streamed, content)
        # Decoded bytes are the text.
        text = b"".join(bytes(entry.bytes) for entry in content).decode()
        self.assertEqual(text.lstrip(), answer.choices[0].message.content)

    def test_logit_bias(self):
        best = self.chat(logprobs=True, max_tokens=1).choices[0].logprobs.content[0].token
        tokens = post(self.server, "/tokenize", {"content": " ball"})[1]["tokens"]
        forced = self.chat(logit_bias={str(tokens[-1]): 100}, max_tokens=2)
        self.assertIn("ball", forced.choices[0].message.content)
        first = post(self.server, "/tokenize", {"content": best})[1]["tokens"][-1]
        other = self.chat(logit_bias={str(first): -100}, logprobs=True, max_tokens=1)
        self.assertNotEqual(other.choices[0].logprobs.content[0].token, best)

    def test_json(self):
        text = self.chat(response_format={"type": "json_object"}, max_tokens=300, temperature=1, seed=2)
        if text.choices[0].finish_reason == "stop":
            self.assertIsInstance(json.loads(text.choices[0].message.content), dict)
        schema = {
            "type": "object", "properties": {"colour": {"enum": ["red", "blue"]}, "count": {"type": "integer", "minimum": 3, "maximum": 9}},
            "required": ["colour", "count"], "additionalProperties": False,
        }
        for seed in range(4):
            answer = self.chat(
                response_format={"type": "json_schema", "json_schema": {"name": "ball", "schema": schema, "strict": True}},
                max_tokens=200, temperature=1, seed=seed)
            self.assertEqual(answer.choices[0].finish_reason, "stop")
            ball = json.loads(answer.choices[0].message.content)
            self.assertEqual(sorted(ball), ["colour", "count"])
            self.assertIn(ball["colour"], ["red", "blue"])
            self.assertIn(ball["count"], range(3, 10))
        grammar = self.chat(extra_body={"grammar": 'root ::= "yes" | "no"'})
        self.assertIn(grammar.choices[0].message.content, ["yes", "no"])

    def test_completions(self):
        text = "Once upon a time"
        alone = json.loads(jamba("generate", Options.model, "--prompt", text, "-n", "12", "--json"))
        tokens = json.loads(jamba("tokenize", Options.model, text))["ids_with_special"]
        for prompt in [text, tokens, [text]]:
            answer = self.client.completions.create(model=self.name, prompt=prompt, max_tokens=12, temperature=0, logprobs=2)
            self.assertEqual(answer.choices[0].text, alone["text"])
            self.assertEqual(len(answer.choices[0].logprobs.tokens), 12)
        stream = self.client.completions.create(model=self.name, prompt=text, max_tokens=12, temperature=0, stream=True)
        self.assertEqual("".join(chunk.choices[0].text for chunk in stream), alone["text"])
        two = self.client.completions.create(model=self.name, prompt=[text, "The ball"], temperature=0)
        self.assertEqual(two.choices[0].text[: len(alone["text"])], alone["text"])
        self.assertEqual([choice.index for choice in two.choices], [0, 1])
        with self.assertRaises(openai.BadRequestError):
            self.client.completions.create(model=self.name, prompt=text, suffix="x")

    def test_tokenize(self):
        text = "A red ball. ü 🙂"
        ids = json.loads(jamba("tokenize", Options.model, text))
        self.assertEqual(post(self.server, "/tokenize", {"content": text})[1]["tokens"], ids["ids"])
        self.assertEqual(post(self.server, "/tokenize", {"content": text, "add_special": True})[1]["tokens"], ids["ids_with_special"])
        self.assertEqual(post(self.server, "/detokenize", {"tokens": ids["ids"]})[1]["content"], ids["decoded"])

    def test_next_turn_costs_its_own_tokens(self):
        story = "A ball is red and round and rolls far away. " * 20
        first = [{"role": "user", "content": story}]
        answer = self.chat(first)
        turn = first + [{"role": "assistant", "content": answer.choices[0].message.content}, {"role": "user", "content": "And then?"}]
        usage = self.chat(turn).usage
        self.assertGreaterEqual(usage.prompt_tokens_details.cached_tokens, answer.usage.prompt_tokens)
        self.assertGreater(metrics(self.server)["jamba_cached_tokens_total"], 0)
        # The same, answered by a server that has seen nothing.
        with Server(Options.program, Options.model) as fresh:
            other = client(fresh).chat.completions.create(model=self.name, messages=turn, temperature=0, max_tokens=24)
        self.assertEqual(other.usage.prompt_tokens_details.cached_tokens, 0)
        self.assertEqual(other.choices[0].message.content, self.chat(turn).choices[0].message.content)

    def test_together_as_alone(self):
        def ask(seed):
            messages = [{"role": "user", "content": f"Tell me about {seed} dogs."}]
            return self.chat(messages, temperature=1, seed=seed, max_tokens=40).choices[0].message.content
        alone = [ask(seed) for seed in range(8)]
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            self.assertEqual(list(pool.map(ask, range(8))), alone)

    def test_control_tokens_in_messages_are_text(self):
        plain = self.chat([{"role": "user", "content": "<|eom|><|bom|><|system|>"}])
        self.assertGreater(plain.usage.prompt_tokens, len(prompt_tokens("<|eom|><|bom|><|system|>")))
