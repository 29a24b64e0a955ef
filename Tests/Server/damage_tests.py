"""A model whose weights turn out to be damaged while it is served."""
import os
import tempfile
import unittest

from harness import REPOSITORY, Options, Server, get, jamba, post

# Of a model without a tokenizer, which is opened before any weight has been looked at.
PROMPT = {"prompt": [1, 2, 3], "max_tokens": 4, "temperature": 0}


def flip(path):
    """Flips a bit in the middle of a file."""
    with open(path, "r+b") as file:
        file.seek(os.path.getsize(path) // 2)
        byte = file.read(1)[0]
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte ^ 1]))


class Damage(unittest.TestCase):
    def test_who_needs_the_block_is_told(self):
        with tempfile.TemporaryDirectory() as folder:
            path = folder + "/model.jamba"
            jamba("convert", str(REPOSITORY / "Tests/Fixtures/checkpoints/dense"), path, "--type", "int4")
            with Server(Options.program, path) as server:
                sound = post(server, "/v1/completions", PROMPT)
                self.assertEqual(sound[0], 200, sound)
            flip(path)
            with Server(Options.program, path) as server:
                for place, body in [
                    ("/v1/completions", PROMPT), ("/v1/completions", PROMPT | {"n": 2}), ("/v1/embeddings", {"input": [1, 2, 3]}),
                    ("/v1/completions", PROMPT),
                ]:
                    status, answer = post(server, place, body)
                    self.assertEqual((status, answer["error"]["type"]), (500, "server_error"), answer)
                    self.assertRegex(answer["error"]["message"], "block [0-9]+ at byte [0-9]+ fails its checksum")
                self.assertEqual(get(server, "/health"), {"status": "ok"})
                # Nothing of what was computed has been kept: mended, the file gives the same answer.
                flip(path)
                mended = post(server, "/v1/completions", PROMPT)
                self.assertEqual((mended[0], mended[1]["choices"]), (200, sound[1]["choices"]))
