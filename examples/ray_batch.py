#!/usr/bin/env python3
"""Extracts fields from documents with Ray Data: on this machine, or unchanged on a cluster.

    ray_batch.py MODEL.jamba DOCUMENTS RESULTS --schema SCHEMA.json [--workers 2] [--threads 1] [--sessions 4]
    ray_batch.py MODEL.jamba DOCUMENTS RESULTS --schema SCHEMA.json --address auto     # the cluster of this node

DOCUMENTS is a folder of .jsonl files with {"id": …, "text": …} a line, RESULTS a folder that gets .jsonl files with
{"id": …, "value": {…}}, or {"id": …, "error": "…"} where an answer was cut. On a cluster all nodes see both, and MODEL, under the
same path.

Each worker opens the model; those on one node map the same file, so its weights are in memory once. Documents are cut into parts
of fixed lines. A part's results are written under another name and renamed when complete: what a killed worker had begun is begun
again by another, a run that is started again does what is missing, and each id has one result, whoever dies when. Of documents with
the same id the first counts.
"""
import argparse
import concurrent.futures
import json
import os
import pathlib
import queue

import jamba_edge
import ray
import ray.data

QUESTION = "Fill in the form about this text.\n\n"
MOST_TOKENS = 256


def parts(folder: pathlib.Path, results: pathlib.Path, size: int):
    """What is missing: a part's name, its file, and where its documents begin, in bytes."""
    seen = set()
    for file in sorted(folder.glob("*.jsonl")):
        begins, position = [], 0
        with open(file, "rb") as lines:
            for line in lines:
                if line.strip():
                    document = json.loads(line)["id"]
                    if document not in seen:
                        begins.append(position)
                        seen.add(document)
                position += len(line)
        for first in range(0, len(begins), size):
            name = f"{file.stem}-{first:09}.jsonl"
            if not (results / name).exists():
                yield {"name": name, "file": str(file), "begins": begins[first:first + size]}


class Extract:
    """A worker: a model, and as many sessions as answer at the same time."""

    def __init__(self, model: str, results: str, schema: str, threads: int, sessions: int):
        # The file's pages are every worker's; what is limited is what a worker has of its own.
        self.model = jamba_edge.Model.open(model, threads=threads, sessions=sessions)
        self.results = pathlib.Path(results)
        self.schema = jamba_edge.Schema(schema)
        self.pool = concurrent.futures.ThreadPoolExecutor(sessions)
        self.idle = queue.SimpleQueue()
        for _ in range(sessions):
            self.idle.put(self.model.session())

    def __call__(self, batch):
        counts = []
        for name, file, begins in zip(batch["name"], batch["file"], batch["begins"], strict=True):
            target = self.results / name
            # A part may be given out again when the worker that wrote it died before it could say so.
            if not target.exists():
                with open(file, "rb") as lines:
                    documents = []
                    for begin in begins:
                        lines.seek(begin)
                        documents.append(json.loads(lines.readline()))
                answers = list(self.pool.map(self.answer, documents))
                partial = target.with_name(f".{name}.{os.getpid()}.partial")
                with open(partial, "w") as output:
                    output.writelines(json.dumps(answer) + "\n" for answer in answers)
                    output.flush()
                    os.fsync(output.fileno())
                os.replace(partial, target)
            counts.append(len(begins))
        return {"name": batch["name"], "documents": counts}

    def answer(self, document):
        session = self.idle.get()
        try:
            with session.chat(QUESTION + document["text"], schema=self.schema.text, max_tokens=MOST_TOKENS) as answer:
                text = answer.text()
            if answer.result.finish == "length":
                return {"id": document["id"], "error": f"the answer is longer than {MOST_TOKENS} tokens"}
            return {"id": document["id"], "value": json.loads(text)}
        except jamba_edge.JambaError as failure:
            if failure.status in (jamba_edge.Status.MEMORY, jamba_edge.Status.HANDLE):
                raise  # not the document's
            return {"id": document["id"], "error": failure.sentence}
        finally:
            self.idle.put(session)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("documents", type=pathlib.Path)
    parser.add_argument("results", type=pathlib.Path)
    parser.add_argument("--schema", type=pathlib.Path, required=True)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--threads", type=int, default=1, help="of a worker")
    parser.add_argument("--sessions", type=int, default=4, help="of a worker: documents at the same time")
    parser.add_argument("--part", type=int, default=64, help="documents in a part; the same each time that a run is taken up")
    parser.add_argument("--address", help="of a cluster; without it Ray is started here")
    options = parser.parse_args()

    options.results.mkdir(parents=True, exist_ok=True)
    for left in options.results.glob(".*.partial"):
        left.unlink()
    missing = list(parts(options.documents, options.results, options.part))
    print(f"{len(missing)} parts to do", flush=True)
    if missing:
        local = {} if options.address else {"num_cpus": options.workers * options.threads, "include_dashboard": False}
        ray.init(address=options.address, **local)
        done = ray.data.from_items(missing, override_num_blocks=len(missing)).map_batches(
            Extract,
            fn_constructor_args=(
                str(pathlib.Path(options.model).resolve()), str(options.results.resolve()), options.schema.read_text(),
                options.threads, options.sessions),
            batch_size=1, num_cpus=options.threads, compute=ray.data.ActorPoolStrategy(size=options.workers))
        print(sum(row["documents"] for row in done.iter_rows()), "documents done")
        ray.shutdown()


if __name__ == "__main__":
    main()
