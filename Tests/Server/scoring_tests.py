"""Prompts that are scored, many prompts at once, the best of several answers."""
import json
import math
import tempfile

import openai

from harness import Options, WithServer, jamba, post, read_logits


class Scores(WithServer):
    def complete(self, prompt, **options):
        return self.client.completions.create(model=self.name, prompt=prompt, temperature=0, **options)

    def test_scores_are_those_of_the_logits(self):
        tokens = json.loads(jamba("tokenize", Options.model, "Once upon a time there was a red ball."))["ids"]
        with tempfile.TemporaryDirectory() as folder:
            path = folder + "/logits.safetensors"
            jamba("logits", Options.model, "--tokens", ",".join(map(str, tokens)), "--output", path)
            rows = read_logits(path)
        answer = self.complete([tokens], max_tokens=1, logprobs=3, echo=True)
        found = answer.choices[0].logprobs
        self.assertEqual((answer.usage.prompt_tokens, answer.usage.completion_tokens), (len(tokens), 1))
        self.assertEqual(len(found.tokens), len(tokens) + 1)
        self.assertEqual((found.token_logprobs[0], found.top_logprobs[0]), (None, None))
        for index, row in enumerate(rows):
            largest = max(row)
            normalizer = largest + math.log(sum(math.exp(value - largest) for value in row))
            token = tokens[index + 1] if index + 1 < len(tokens) else row.index(largest)
            self.assertAlmostEqual(found.token_logprobs[index + 1], row[token] - normalizer, places=4)
            top = found.top_logprobs[index + 1]
            self.assertIn(len(top), [3, 4])
            self.assertAlmostEqual(max(top.values()), largest - normalizer, places=4)
            self.assertAlmostEqual(top[found.tokens[index + 1]], found.token_logprobs[index + 1], places=4)
        self.assertEqual(answer.choices[0].text, "".join(found.tokens).lstrip())

    def test_offsets_are_places_in_the_text(self):
        for prompt in ["Once upon a time", "Lily's é 日 ball", "<|bom|>Once"]:
            answer = self.complete(prompt, max_tokens=3, logprobs=0, echo=True).choices[0]
            self.assertTrue(answer.text.startswith(prompt))
            offsets = answer.logprobs.text_offset
            self.assertEqual(offsets, sorted(offsets))
            for token, offset in list(zip(answer.logprobs.tokens, offsets))[-3:]:
                self.assertTrue(answer.text[offset:].startswith(token), (answer.text, token, offset))
            self.assertEqual(offsets[-3], len(prompt))
        self.assertEqual(self.complete("Once upon", max_tokens=1, logprobs=0, echo=True).choices[0].logprobs.text_offset[:2], [0, 0])

    def test_probabilities_have_a_limit(self):
        with self.assertRaises(openai.BadRequestError) as caught:
            self.complete([[5]] * 2048, max_tokens=98, logprobs=20)
        self.assertEqual(caught.exception.param, "logprobs")
        self.assertIn("200704 tokens", str(caught.exception))

    def test_nothing_but_scores(self):
        whole = self.complete("Once upon a time", max_tokens=4, logprobs=1, echo=True).choices[0]
        alone = self.complete("Once upon a time", max_tokens=0, logprobs=1, echo=True)
        choice = alone.choices[0]
        self.assertEqual((choice.text, choice.finish_reason), ("Once upon a time", "length"))
        self.assertEqual(choice.logprobs.token_logprobs, whole.logprobs.token_logprobs[:-4])
        self.assertEqual(alone.usage.completion_tokens, 0)
        # A prompt that is known is scored all the same.
        self.complete("Once upon a time", max_tokens=1)
        again = self.complete("Once upon a time", max_tokens=0, logprobs=1, echo=True).choices[0]
        self.assertEqual(again.logprobs, choice.logprobs)
        streamed = list(self.complete("Once upon a time", max_tokens=4, logprobs=1, echo=True, stream=True))
        self.assertEqual("".join(chunk.choices[0].text for chunk in streamed), whole.text)
        found = [value for chunk in streamed if chunk.choices[0].logprobs for value in chunk.choices[0].logprobs.token_logprobs]
        self.assertEqual(found, whole.logprobs.token_logprobs)

    def test_many_prompts(self):
        """In order, each as alone."""
        prompts = [[512, 518, 300 + number] for number in range(160)]
        answer = self.complete(prompts, max_tokens=1, logprobs=1, echo=True)
        self.assertEqual([choice.index for choice in answer.choices], list(range(len(prompts))))
        self.assertEqual(answer.usage.prompt_tokens, 3 * len(prompts))
        for number in [0, 77, 159]:
            alone = self.complete([prompts[number]], max_tokens=1, logprobs=1, echo=True).choices[0]
            self.assertEqual((alone.text, alone.logprobs), (answer.choices[number].text, answer.choices[number].logprobs))
        texts = [f"Sam saw {number} cats" for number in range(20)]
        for text, choice in zip(texts, self.complete(texts, max_tokens=2, echo=True).choices):
            self.assertTrue(choice.text.startswith(text), choice)

    def test_limits(self):
        def refused(parameter, **body):
            status, answer = post(self.server, "/v1/completions", body)
            self.assertEqual((status, answer["error"]["param"]), (400, parameter), answer)
        refused("prompt", prompt=[[5]] * 2049)
        refused("n", prompt=[[5]] * 1025, n=2)
        refused("logprobs", prompt=[[5]] * 2048, max_tokens=4000, logprobs=5)
        refused("best_of", prompt="a", n=3, best_of=2)
        refused("best_of", prompt="a", best_of=2, stream=True)
        refused("prompt", prompt=[])
        refused("prompt", prompt=[[5], []])
        self.assertEqual(post(self.server, "/v1/completions", {"prompt": [[5], [999999]]})[0], 400)

    def test_best_of(self):
        def score(choice):
            values = choice.logprobs.token_logprobs
            return sum(values) / len(values)
        options = {"model": self.name, "prompt": "Once upon a time", "max_tokens": 8, "temperature": 1}
        alone = [self.client.completions.create(seed=seed, logprobs=0, **options).choices[0] for seed in range(5, 10)]
        expected = [choice.text for choice in sorted(alone, key=score, reverse=True)[:2]]
        answer = self.client.completions.create(seed=5, n=2, best_of=5, **options)
        self.assertEqual([choice.text for choice in answer.choices], expected)
        self.assertEqual([choice.index for choice in answer.choices], [0, 1])
        self.assertIsNone(answer.choices[0].logprobs)
        self.assertEqual(answer.usage.completion_tokens, 40)
        self.assertEqual(self.client.completions.create(seed=5, n=1, best_of=1, **options).choices[0].text, alone[0].text)
        with self.assertRaises(openai.BadRequestError):
            self.client.completions.create(seed=5, best_of=17, **options)
