"""The example with Ray: every document once, though a worker and then the run are killed."""

import collections
import json
import os
import pathlib
import random
import re
import signal
import subprocess
import sys
import time

import pytest

pytest.importorskip("ray")

SCHEMA = {
    "type": "object", "additionalProperties": False, "required": ["who", "mood"],
    "properties": {"who": {"enum": ["dog", "cat", "girl", "boy"]}, "mood": {"enum": ["happy", "sad"]}},
}
COUNT = int(os.environ.get("JAMBA_RAY_DOCUMENTS", "240"))


def workers(path):
    """By process id, what Ray's workers that map the model at `path` hold, in kB: Pss and Rss of all, and of the model's pages."""
    found = {}
    for folder in pathlib.Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            if not (folder / "cmdline").read_bytes().startswith(b"ray::"):
                continue
            rollup = dict(re.findall(r"^(\w+): +(\d+) kB", (folder / "smaps_rollup").read_text(), re.MULTILINE))
            model = [
                dict(re.findall(r"^(\w+): +(\d+) kB", part, re.MULTILINE))
                for part in re.split(r"^(?=[0-9a-f]+-[0-9a-f]+ )", (folder / "smaps").read_text(), flags=re.MULTILINE)
                if part.split("\n", 1)[0].endswith(path)
            ]
        except (OSError, ProcessLookupError):
            continue
        if model:
            found[int(folder.name)] = {
                "Pss": int(rollup["Pss"]), "Rss": int(rollup["Rss"]), "model Pss": sum(int(part["Pss"]) for part in model),
                "model Rss": sum(int(part["Rss"]) for part in model)}
    return found


def test_every_document_once(repository, demo, tmp_path, capsys):
    draw = random.Random(2)
    documents = tmp_path / "documents"
    documents.mkdir()
    for file in range(4):
        lines = [
            {"id": f"{file}-{index}", "text": f"The {draw.choice(['dog', 'cat', 'girl', 'boy'])} was {draw.choice(['happy', 'sad'])}."}
            for index in range(COUNT // 4)
        ]
        lines.append(lines[0])  # the same id again
        (documents / f"{file}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    schema, results = tmp_path / "schema.json", tmp_path / "results"
    schema.write_text(json.dumps(SCHEMA))
    command = [
        sys.executable, str(repository / "examples/ray_batch.py"), demo, str(documents), str(results), "--schema", str(schema),
        "--part", "16"]
    environment = {**os.environ, "RAY_TMPDIR": "/tmp", "RAY_USAGE_STATS_ENABLED": "0"}
    parts = 4 * -(-COUNT // 4 // 16)

    def run(*fates):
        """Runs the example; each fate is called as soon as so many parts are there."""
        with open(tmp_path / "log", "a") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log, env=environment, start_new_session=True)
            for share, fate in fates:
                while len(list(results.glob("*.jsonl"))) < share * parts and process.poll() is None:
                    time.sleep(0.05)
                fate()
            return process.wait()

    memory = {}

    def kill_a_worker():
        memory.update(workers(demo))
        assert len(memory) == 2
        os.kill(min(memory), signal.SIGKILL)

    start = time.monotonic()
    assert run((0.5, kill_a_worker)) == 0, (tmp_path / "log").read_text()[-3000:]
    seconds = time.monotonic() - start
    found = [json.loads(line) for part in results.glob("*.jsonl") for line in part.read_text().splitlines()]
    counts = collections.Counter(document["id"] for document in found)
    assert len(counts) == 4 * (COUNT // 4) and set(counts.values()) == {1}
    for document in found:
        assert document["value"]["who"] in SCHEMA["properties"]["who"]["enum"]
        assert document["value"]["mood"] in SCHEMA["properties"]["mood"]["enum"]
    # The weights are in memory once: each worker answers for half of the pages that both see.
    for use in memory.values():
        assert use["model Pss"] < 0.75 * use["model Rss"]
    with capsys.disabled():
        print(f"\n{len(counts)} documents in {seconds:.1f} s with Ray's start; kB of two workers: {memory}")

    # A run that was killed as a whole is taken up.
    wanted = {part.name: part.read_text() for part in results.glob("*.jsonl")}
    for name in sorted(wanted)[::2]:
        (results / name).unlink()
    (results / f".{min(wanted)}.1.partial").write_text('{"id": "0')
    assert run() == 0
    assert {part.name: part.read_text() for part in results.iterdir()} == wanted
