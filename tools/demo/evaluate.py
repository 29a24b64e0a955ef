"""Measures a checkpoint: loss and bits per byte by source, and how its routers share out the tokens.

usage: evaluate.py CHECKPOINT DATA [--documents N]      prints a table, or JSON with --json

A document counts from its first token after <|startoftext|> to the token that ends it, cut at 1,024 tokens; its bytes
are those of its text in UTF-8 (of a dialogue: of the messages' contents).
"""
import argparse
import json
import math
import pathlib
from collections import defaultdict

import torch

import checkpoint
import data
from model import MoE

LENGTH = 1024


def texts(folder, limit):
    """(source, content) of the held-out files"""
    for name in ("stories-valid.txt", "stories-valid-books.txt"):
        for story in list(data.documents(folder / name))[:limit]:
            yield name, story
    seen = defaultdict(int)
    for chat in data.dialogues(folder / "chat-valid.jsonl"):
        seen[chat["source"]] += 1
        if seen[chat["source"]] <= limit:
            yield "chat: " + chat["source"], chat["messages"]


def size(content):
    return len("".join([content] if isinstance(content, str) else [m["content"] for m in content]).encode())


def measured(model, encode, items, batch=16):
    """Returns {source: [nats, tokens, bytes, documents]}; documents of like length share a batch, padded behind their end."""
    sums = defaultdict(lambda: [0.0, 0, 0, 0])
    coded = sorted(((encode(content), source, content) for source, content in items), key=lambda item: len(item[0]))
    for start in range(0, len(coded), batch):
        part = coded[start:start + batch]
        rows = [ids[:LENGTH + 1] for ids, _, _ in part]
        width = max(map(len, rows))
        padded = torch.tensor([row + [0] * (width - len(row)) for row in rows])
        losses = model.loss(padded[:, :-1], padded[:, 1:], reduction="none")
        for row, (ids, source, content), loss in zip(rows, part, losses):
            total = sums[source]
            total[0] += loss[:len(row) - 1].sum().item()
            total[1] += len(row) - 1
            total[2] += round(size(content) * len(row) / len(ids))
            total[3] += 1
    return sums


@torch.no_grad()
def expert_shares(model, ids):
    """{layer: share of the tokens' choices that go to each expert}"""
    model.loss(ids[:, :-1], ids[:, 1:])
    return {index: layer.feed_forward.share.tolist() for index, layer in enumerate(model.layers)
            if isinstance(layer.feed_forward, MoE)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=pathlib.Path)
    parser.add_argument("data", type=pathlib.Path, help="the folder with the held-out files")
    parser.add_argument("--documents", type=int, default=200, help="at most so many of each source (default: %(default)s)")
    parser.add_argument("--json", action="store_true")
    a = parser.parse_args()
    model, encode = checkpoint.load(a.checkpoint), data.Encoder(a.checkpoint)
    with torch.no_grad():
        sums = measured(model, encode, texts(a.data, a.documents))
    stories = sum((encode(story) for story in data.documents(a.data / "stories-valid.txt")), [])[:16 * 513]
    shares = expert_shares(model, torch.tensor(stories).view(16, 513))
    rows = {source: dict(documents=documents, tokens=tokens, nats_per_token=nats / tokens,
                         bits_per_byte=nats / math.log(2) / size_)
            for source, (nats, tokens, size_, documents) in sums.items()}
    if a.json:
        print(json.dumps(dict(sources=rows, experts=shares), indent=1))
        return
    print(f"{'source':28} documents    tokens  nats/token  bits/byte")
    for source, row in sorted(rows.items()):
        print(f"{source:28} {row['documents']:9} {row['tokens']:9} {row['nats_per_token']:11.4f} {row['bits_per_byte']:10.4f}")
    print("\nshare of the tokens' choices an expert gets, stories-valid.txt")
    for layer, share in shares.items():
        print(f"layer {layer}:  " + "  ".join(f"{part:5.1%}" for part in share))


if __name__ == "__main__":
    main()
