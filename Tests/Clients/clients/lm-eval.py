# packages: lm-eval[api] transformers torch
"""Multiple choice and loglikelihood over a few sentences, by lm-evaluation-harness's local-completions."""
import json
import os
import pathlib
import subprocess
import sys

from client import BASE, check, feature

TOKENIZER = os.environ["JAMBA_MODELS"] + "/demo"
ENDINGS = [
    ("Once upon a", ["time", "ball", "cake", "tree"], 0), ("Lily had a red", ["ball", "was", "to", "said"], 0),
    ("They went to the park to", ["play", "ball", "red", "the"], 0), ("Tom was very", ["happy", "the", "ran", "dog"], 0),
]
FOLDER = pathlib.Path("lm-eval")
FOLDER.mkdir(exist_ok=True)
(FOLDER / "endings.jsonl").write_text(
    "".join(json.dumps({"start": start, "endings": endings, "label": label}) + "\n" for start, endings, label in ENDINGS))
(FOLDER / "endings.yaml").write_text(f"""task: endings
dataset_path: json
dataset_kwargs:
  data_files:
    test: {FOLDER.resolve()}/endings.jsonl
test_split: test
output_type: multiple_choice
doc_to_text: "{{{{start}}}}"
doc_to_choice: "{{{{endings}}}}"
doc_to_target: "{{{{label}}}}"
metric_list:
  - metric: acc
""")


def scores(*arguments):
    run = subprocess.run(
        [sys.executable, "-m", "lm_eval", "--model", "local-completions", "--tasks", "endings", "--include_path", str(FOLDER), "--output_path",
         str(FOLDER / "out"), "--log_samples", *arguments], capture_output=True, text=True, timeout=400)
    check(run.returncode == 0, run.stderr.strip()[-300:])
    newest = max((FOLDER / "out").rglob("samples_endings*.jsonl"), key=os.path.getmtime)
    lines = [json.loads(line) for line in newest.read_text().splitlines()]
    return [[float(answer[0][0]) for answer in line["resps"]] for line in sorted(lines, key=lambda line: line["doc_id"])]


def arguments(**options):
    return "--model_args", ",".join(f"{name}={value}" for name, value in {
        "model": "demo", "base_url": BASE + "/completions", "tokenizer": TOKENIZER, **options}.items())


@feature("multiple choice")
def _():
    found = scores(*arguments(num_concurrent=1, max_retries=1), "--batch_size", "4")
    check(len(found) == len(ENDINGS) and all(value < 0 for row in found for value in row))
    check(max(found[0]) == found[0][0], f"an unlikely ending: {found[0]}")


@feature("concurrent")
def _():
    check(len(scores(*arguments(num_concurrent=4, max_retries=1), "--batch_size", "1")) == len(ENDINGS))


@feature("as transformers has it")
def _():
    """Within 2e-2 of the checkpoint's own numbers in bfloat16, for the demo in bfloat16."""
    import torch
    import transformers

    tokenizer = transformers.AutoTokenizer.from_pretrained(TOKENIZER)
    model = transformers.AutoModelForCausalLM.from_pretrained(TOKENIZER, dtype=torch.bfloat16, use_mamba_kernels=False)
    for (start, endings, _), row in zip(ENDINGS, scores(*arguments(max_retries=1), "--batch_size", "4")):
        for ending, value in zip(endings, row):
            before = tokenizer(start, add_special_tokens=False)["input_ids"]
            ids = tokenizer(f"{start} {ending}", add_special_tokens=False)["input_ids"]
            with torch.no_grad():
                table = model(torch.tensor([ids])).logits[0].float().log_softmax(-1)
            expected = sum(table[place - 1, ids[place]].item() for place in range(len(before), len(ids)))
            check(abs(expected - value) < 2e-2 * max(1, abs(expected)), f"{value} where transformers has {expected}")
