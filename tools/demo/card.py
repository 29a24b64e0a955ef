"""Writes the parts of the demo model's card that are made, not written: figures, loss curve and samples.

usage: card.py CHECKPOINT DATA LOG JAMBA MODEL      LOG: log.jsonl of train.py; MODEL: the .jamba file to talk to

Everything between <!-- made --> and <!-- end --> in CHECKPOINT/README.md is replaced, and CHECKPOINT/loss.svg drawn.
"""
import json
import pathlib
import re
import subprocess
import sys

STORIES = [
    "Tell me a story about a cat and a red ball.", "Tell me a story about a dog who is lost.", "Tell me a bedtime story.",
    "Write a short story about a little bird and a big tree.", "Can you tell me a story about a bear?",
    "Tell me a story about a girl named Mia and a magic hat.", "I want a story about a boat.",
    "Please tell me a story with a frog and a princess in it.", "Tell me a story about a boy who learns to swim.",
    "Tell me a story about the moon."]
TALK = [
    "Hello!", "How are you today?", "What is your name?", "Are you a robot?", "What can you do?", "What is the capital of France?",
    "I am sad.", "Do you like cats?", "Can you fix my car?", "Good night!"]
TEMPERATURE = 0.7


def answer(jamba, model, request, seed):
    prompt = f"<|bom|><|user|>{request}<|eom|><|bom|><|assistant|>"
    return subprocess.run([jamba, "generate", model, "--prompt", prompt, "--temperature", str(TEMPERATURE), "--seed", str(seed),
                           "-n", "300"], check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout.strip()


def samples(jamba, model):
    for title, requests, first in (("Stories on request", STORIES, 1), ("Small talk", TALK, 11)):
        yield f"### {title}\n"
        for seed, request in enumerate(requests, first):
            text = answer(jamba, model, request, seed)
            yield f"**{request}** (seed {seed})\n\n" + "\n".join(f"> {line}".rstrip() for line in text.split("\n")) + "\n"


def figures(checkpoint, data):
    evaluate = pathlib.Path(__file__).with_name("evaluate.py")
    report = json.loads(subprocess.run([sys.executable, evaluate, checkpoint, data, "--json"], check=True, stdout=subprocess.PIPE,
                                       text=True).stdout)
    yield "| held-out text | documents | tokens | nats a token | bits a byte |\n|---|---|---|---|---|"
    for source, row in sorted(report["sources"].items()):
        yield (f"| {source} | {row['documents']} | {row['tokens']} | {row['nats_per_token']:.3f} | {row['bits_per_byte']:.3f} |")
    yield "\nHow the routers share out the tokens of stories-valid.txt, in percent of the choices (12.5 each would be even):\n"
    yield "| layer | " + " | ".join(f"expert {e}" for e in range(len(next(iter(report['experts'].values()))))) + " |"
    yield "|---" * (1 + len(next(iter(report["experts"].values())))) + "|"
    for layer, shares in report["experts"].items():
        yield f"| {layer} | " + " | ".join(f"{100 * share:.1f}" for share in shares) + " |"


def curve(log, path):
    """Loss over tokens, of the training text and of held-out stories."""
    rows = [json.loads(line) for line in log.read_text().splitlines()]
    width, height, left, bottom, top, right = 640, 320, 46, 40, 16, 12
    most = max(row["tokens"] for row in rows)
    low, high = 1.5, 5.0

    def at(row, key):
        x = left + row["tokens"] / most * (width - left - right)
        y = top + (high - min(high, row[key])) / (high - low) * (height - top - bottom)
        return f"{x:.1f},{y:.1f}"
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12">'
             f'<rect width="{width}" height="{height}" fill="#fff"/>']
    for step in range(8):
        value = low + step * 0.5
        y = top + (high - value) / (high - low) * (height - top - bottom)
        parts.append(f'<path d="M{left} {y:.1f}H{width - right}" stroke="#ddd"/>'
                     f'<text x="{left - 6}" y="{y + 4:.1f}" text-anchor="end">{value:g}</text>')
    for part in range(0, int(most / 1e6) + 1, 5):
        x = left + part * 1e6 / most * (width - left - right)
        parts.append(f'<text x="{x:.1f}" y="{height - bottom + 16}" text-anchor="middle">{part}</text>')
    parts.append(f'<text x="{width / 2}" y="{height - 8}" text-anchor="middle">million tokens</text>'
                 f'<text x="{left + 8}" y="{top + 12}">nats a token</text>')
    for key, colour, label, place in (("loss", "#8fb3d9", "training text", 60), ("valid", "#c0392b", "held-out stories", 78)):
        points = " ".join(at(row, key) for row in rows if key in row)
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.5"/>'
                     f'<text x="{width - 140}" y="{place}" fill="{colour}">{label}</text>')
    path.write_text("\n".join(parts + ["</svg>"]) + "\n")


def main():
    checkpoint, data, log = map(pathlib.Path, sys.argv[1:4])
    jamba, model = sys.argv[4:]
    curve(log, checkpoint / "loss.svg")
    made = "\n".join(figures(checkpoint, data)) + "\n\n## Samples\n\nUnedited, by the int4 file (`jamba convert models/demo demo.jamba`): " \
        f"`jamba generate demo.jamba --prompt '<|bom|><|user|>…<|eom|><|bom|><|assistant|>' --temperature {TEMPERATURE} --seed N -n 300`.\n\n" \
        + "\n".join(samples(jamba, model))
    card = checkpoint / "README.md"
    text = card.read_text(encoding="utf8")
    found = re.sub(r"(<!-- made -->\n).*(<!-- end -->)", lambda m: m[1] + made + m[2], text, flags=re.S)
    if found == text and made not in text:
        raise SystemExit(f"{card} has no <!-- made --> … <!-- end -->")
    card.write_text(found, encoding="utf8")


if __name__ == "__main__":
    main()
