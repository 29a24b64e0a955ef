"""Slots that are saved, restored and erased, and the OpenAPI document."""
import os
import tempfile
import urllib.parse

import openai

from harness import QUESTION, Options, Server, WithServer, client, get, post


def change(server, slot, action, **body):
    return post(server, f"/slots/{slot}?action={urllib.parse.quote(action)}", body)


class Slots(WithServer):
    def test_list(self):
        slots = get(self.server, "/slots")
        self.assertEqual([slot["id"] for slot in slots], [0, 1, 2, 3])
        self.assertFalse(any(slot["is_processing"] for slot in slots))

    def test_nothing_is_saved_without_a_folder(self):
        self.assertEqual(change(self.server, 0, "save", filename="a")[0], 501)

    def test_a_text_survives_the_server(self):
        with tempfile.TemporaryDirectory() as folder:
            arguments = ("--sessions", "1", "--slot-save-path", folder)
            with Server(Options.program, Options.model, *arguments) as server:
                self.assertEqual(change(server, 0, "save", filename="empty")[0], 400)
                first = client(server).chat.completions.create(model="demo", messages=QUESTION, max_tokens=20, temperature=0)
                turns = QUESTION + [{"role": "assistant", "content": first.choices[0].message.content}, {"role": "user", "content": "Go on."}]
                status, saved = change(server, 0, "save", filename="talk.session")
                self.assertEqual(status, 200, saved)
                self.assertEqual(saved["n_written"], os.path.getsize(folder + "/talk.session"))
                self.assertGreaterEqual(saved["n_saved"], first.usage.prompt_tokens)
                second = client(server).chat.completions.create(model="demo", messages=turns, max_tokens=20, temperature=0)
            with Server(Options.program, Options.model, *arguments) as server:
                status, restored = change(server, 0, "restore", filename="talk.session")
                self.assertEqual((status, restored["n_restored"]), (200, saved["n_saved"]))
                again = client(server).chat.completions.create(model="demo", messages=turns, max_tokens=20, temperature=0)
                self.assertEqual(again.choices[0].message.content, second.choices[0].message.content)
                self.assertGreater(again.usage.prompt_tokens_details.cached_tokens, 0)
                self.assertGreater(change(server, 0, "erase")[1]["n_erased"], 0)
                cold = client(server).chat.completions.create(model="demo", messages=turns, max_tokens=20, temperature=0)
                self.assertEqual(cold.choices[0].message.content, second.choices[0].message.content)
                self.assertEqual(cold.usage.prompt_tokens_details.cached_tokens, 0)
                self.assertEqual(post(server, "/slots/0?action=erase", b"")[0], 200)
            self.assertEqual(os.listdir(folder), ["talk.session"])

    def test_a_folder_holds_so_many_files(self):
        with tempfile.TemporaryDirectory() as folder:
            for number in range(255):
                open(f"{folder}/{number}", "wb").close()
            with Server(Options.program, Options.model, "--sessions", "1", "--slot-save-path", folder) as server:
                client(server).chat.completions.create(model="demo", messages=QUESTION, max_tokens=1)
                statuses = [change(server, 0, "save", filename=name)[0] for name in ["last", "more", "last", "0"]]
                self.assertEqual(statuses, [200, 400, 200, 200])
            self.assertEqual(len(os.listdir(folder)), 256)

    def test_refusals(self):
        with tempfile.TemporaryDirectory() as folder:
            with open(folder + "/broken", "wb") as file:
                file.write(b"x" * 100)
            os.mkdir(folder + "/folder")
            with Server(Options.program, Options.model, "--slot-save-path", folder) as server:
                for name in ["", "..", ".a", "a/b", "/etc/passwd", "a\\b", "a\x00b", "x" * 101, "é", 5, None]:
                    for action in ["save", "restore"]:
                        self.assertEqual(change(server, 0, action, filename=name)[0], 400, name)
                for name in ["missing", "broken", "folder"]:
                    self.assertEqual(change(server, 0, "restore", filename=name)[0], 400, name)
                for slot in ["4", "-1", "x", "1/2", ""]:
                    self.assertIn(change(server, slot, "erase")[0], [400, 404, 405], slot)
                self.assertEqual(change(server, 0, "other", filename="a")[0], 400)
                self.assertEqual(post(server, "/slots/0", {"filename": "a"})[0], 400)
                self.assertEqual(len(client(server).models.list().data), 1)

    def test_a_folder_that_is_none(self):
        with self.assertRaises(RuntimeError):
            Server(Options.program, Options.model, "--slot-save-path", "/nowhere/at/all")


class Document(WithServer):
    arguments = ("-n", "4")

    def test_paths(self):
        document = get(self.server, "/openapi.json")
        self.assertEqual(document["openapi"], "3.1.0")
        self.assertIn("post", document["paths"]["/v1/chat/completions"])
        with self.assertRaises(openai.NotFoundError):
            self.client.get("/openapi", cast_to=object)
