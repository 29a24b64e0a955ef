"""Adapters that clients choose by the model's name."""
import json
import os
import tempfile

import ollama
import openai

from harness import QUESTION, REPOSITORY, Options, WithServer, get, jamba, post

ADAPTER = str(REPOSITORY / "Tests/Fixtures/adapters/demo")


class Adapters(WithServer):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.file = cls.folder.name + "/demo.jadapter"
        jamba("adapter", ADAPTER, cls.file, "--base", Options.model)
        cls.arguments = (
            "--adapter", f"happy={cls.file}:3", "--adapter", f"sad={cls.file}:-6", "--slot-save-path", cls.folder.name)
        super().setUpClass()

    @classmethod
    def tearDownClass(cls):
        super().tearDownClass()
        cls.folder.cleanup()

    def ask(self, name, messages=QUESTION):
        return self.client.chat.completions.create(model=name, messages=messages, temperature=0, max_tokens=24)

    def test_they_are_listed(self):
        names = ["demo", "demo:happy", "demo:sad"]
        self.assertEqual([model.id for model in self.client.models.list()], names)
        for name in names:
            self.assertEqual(self.client.models.retrieve(name).id, name)
        with self.assertRaises(openai.NotFoundError):
            self.client.models.retrieve("demo:angry")
        tags = get(self.server, "/api/tags")["models"]
        self.assertEqual([entry["name"] for entry in tags], names)
        self.assertEqual(len({entry["digest"] for entry in tags}), 3)
        self.assertEqual(ollama.Client(self.server.url).show("demo:sad").modelinfo["general.basename"], "demo:sad")

    def test_a_name_chooses(self):
        answers = {name: self.ask(name) for name in ["demo", "demo:happy", "demo:sad"]}
        self.assertEqual({answer.model for answer in answers.values()}, set(answers))
        self.assertEqual(len({answer.choices[0].message.content for answer in answers.values()}), 3)
        # What was read with one is nothing to another, and is known to itself.
        self.assertEqual([answer.usage.prompt_tokens_details.cached_tokens for answer in answers.values()], [0, 0, 0])
        for name, answer in answers.items():
            again = self.ask(name)
            self.assertGreater(again.usage.prompt_tokens_details.cached_tokens, 0)
            self.assertEqual(again.choices[0].message.content, answer.choices[0].message.content)
        said = ollama.Client(self.server.url).chat(
            "demo:happy:latest", [dict(turn) for turn in QUESTION], options={"temperature": 0, "num_predict": 24})
        self.assertEqual((said.model, said.message.content), ("demo:happy", answers["demo:happy"].choices[0].message.content))

    def test_as_the_command_has_it(self):
        text = "Once upon a time"
        alone = json.loads(jamba("generate", Options.model, "--prompt", text, "-n", "16", "--adapter", self.file + ":3", "--json"))
        answer = self.client.completions.create(model="demo:happy", prompt=text, max_tokens=16, temperature=0)
        self.assertEqual(answer.choices[0].text, alone["text"])
        vectors = [self.client.embeddings.create(model=name, input=text) for name in ["demo", "demo:happy"]]
        self.assertNotEqual(vectors[0].data[0].embedding, vectors[1].data[0].embedding)
        self.assertEqual(vectors[1].model, "demo:happy")

    def test_an_unknown_adapter_is_no_model(self):
        with self.assertRaises(openai.NotFoundError) as caught:
            self.ask("demo:angry")
        self.assertIn('"demo:happy"', str(caught.exception))

    def test_slots_remember_theirs(self):
        for slot in range(4):
            post(self.server, f"/slots/{slot}?action=erase", b"")
        first = self.ask("demo:sad").choices[0].message.content
        turns = QUESTION + [{"role": "assistant", "content": first}, {"role": "user", "content": "Go on."}]
        taken = [slot["id"] for slot in get(self.server, "/slots") if slot["n_past"] > 0]
        status, saved = post(self.server, f"/slots/{taken[0]}?action=save", {"filename": "sad.session"})
        self.assertEqual((status, len(taken)), (200, 1), saved)
        self.assertTrue(os.path.exists(self.folder.name + "/sad.session"))
        second = self.ask("demo:sad", turns).choices[0].message.content
        for slot in range(4):
            post(self.server, f"/slots/{slot}?action=erase", b"")
        self.assertEqual(post(self.server, "/slots/0?action=restore", {"filename": "sad.session"})[0], 200)
        # To the model alone it is another text.
        self.assertEqual(self.ask("demo", turns).usage.prompt_tokens_details.cached_tokens, 0)
        again = self.ask("demo:sad", turns)
        self.assertGreater(again.usage.prompt_tokens_details.cached_tokens, 0)
        self.assertEqual(again.choices[0].message.content, second)
