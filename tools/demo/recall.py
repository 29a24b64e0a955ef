"""Trains a small Jamba to answer questions about facts that it has read among stories, and writes a checkpoint.

usage: recall.py DATA OUT      DATA as in README.md; writes OUT/checkpoint, for tools/measure/recall, and OUT/log.jsonl

Stages go from short texts, where looking things up is learnt, to long ones with many facts, where it is learnt well. Only
answers are learnt: what such a model writes otherwise means nothing. Seeds and numbers of steps are fixed; OUT/checkpoint is
written at the end of each stage, and --resume goes on with the one after it.
"""
import argparse
import json
import pathlib
import random
import time
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F

import checkpoint
import data
import facts
from model import CONFIG, Jamba
from optimizer import optimizers
from train import keep_memory

#: Four layers of which the third attends, experts in every second one: 1.9 million parameters, 1 million of them in vocabulary.
RECALL = dict(CONFIG, hidden_size=128, intermediate_size=128, num_hidden_layers=4, attn_layer_period=4, attn_layer_offset=2,
              num_attention_heads=4, num_key_value_heads=2, num_experts=4, mamba_dt_rank=8)


class Stage(NamedTuple):
    steps: int
    batch: int
    length: int  # tokens a text
    facts: int  # in a text at most, and at least a quarter of them
    questions: int
    again: bool  # facts are asked for any number of times, and not only when each that is known was asked for


STAGES = [Stage(600, 32, 128, 4, 12, again=True), Stage(400, 16, 512, 24, 40, again=True),
          Stage(400, 4, 2048, 128, 128, again=False)]
#: The step from which on the learning rate falls, and the one at which it would be nothing, behind the last stage.
FALLING, NOTHING = 800, 1600

TOKENIZER = pathlib.Path(__file__).resolve().parents[2] / "models" / "demo"


class Texts:
    """Stories with facts in them and questions anywhere behind each."""

    def __init__(self, stories, words, seed=0):
        self.stories, self.words, self.random = stories, words, random.Random(seed)

    def text(self, stage, told):
        """ids [length + 1], and whether each is of an answer"""
        pool, items, known, fresh = facts.facts(self.words, told, self.random), [], [], []
        tells = [True] * (told - 1) + [False] * stage.questions
        self.random.shuffle(tells)
        for is_told in [True] + tells:
            if is_told:
                fact = pool[len(known)]
                items.append((facts.told(fact), [False] * facts.SIZE))
                known.append(fact)
                fresh.append(fact)
            else:
                fact = self.random.choice(known if stage.again or not fresh else fresh)
                if fact in fresh:
                    fresh.remove(fact)
                question, answer = facts.asked(fact), facts.answered(fact)
                items.append((question + answer, [False] * len(question) + [True] * len(answer)))
        length = stage.length + 1 - facts.SIZE * len(items)
        places = sorted(self.random.randrange(length + 1) for _ in items)
        begin = self.random.randrange(len(self.stories) - length)
        return (facts.woven(self.stories[begin:begin + length].tolist(), [tokens for tokens, _ in items], places),
                facts.woven([False] * length, [counts for _, counts in items], places))

    def batch(self, stage):
        """ids and targets [batch, length], and which targets are of answers"""
        told = self.random.randint(max(1, stage.facts // 4), stage.facts)
        ids, answers = (torch.tensor(rows) for rows in zip(*(self.text(stage, told) for _ in range(stage.batch))))
        return ids[:, :-1], ids[:, 1:], answers[:, 1:]


def stories(source):
    encode = data.Encoder(TOKENIZER)
    texts = data.documents(source / "stories-tinystories.txt")
    return np.array([token for text in texts for token in encode(text)[1:]], np.uint16)


def untrained():
    """Embeddings of size one, and a head that begins as what they are: to copy a token is the first thing to be learnt."""
    model = Jamba(RECALL)
    with torch.no_grad():
        model.embed_tokens.normal_(0, 1, generator=torch.Generator().manual_seed(0))
        model.lm_head.weight.copy_(model.embed_tokens * RECALL["hidden_size"] ** -0.5)
    return model


def learn(model, both, ids, targets, counts):
    """One step of the optimizers: the answers' loss before it, and the share of answers that were right."""
    logits = model.lm_head(model(ids)[counts]).float()
    loss = F.cross_entropy(logits, targets[counts])
    (loss + 0.01 * model.balance_loss()).backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    for optimizer in both:
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
    right = (logits.argmax(-1) == targets[counts]).view(-1, facts.ANSWER).all(-1)
    return loss.item(), right.float().mean().item()


def stages_after(done):
    for index, stage in enumerate(STAGES):
        if sum(before.steps for before in STAGES[:index]) >= done:
            yield stage


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=pathlib.Path)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--resume", action="store_true", help="go on from OUT/checkpoint, with optimizers that begin anew")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    a = parser.parse_args()
    keep_memory()
    torch.set_num_threads(a.threads)
    a.out.mkdir(parents=True, exist_ok=True)
    done = json.loads((a.out / "checkpoint" / "steps.json").read_text()) if a.resume else 0
    model = checkpoint.load(a.out / "checkpoint") if done else untrained()
    both = optimizers(model, 0.02, 0.004)
    texts = Texts(stories(a.data), facts.words(TOKENIZER / "tokenizer.json"), seed=done)
    step, started, recent = done, time.monotonic(), []
    with (a.out / "log.jsonl").open("a" if done else "w") as log:
        for stage in stages_after(done):
            for _ in range(stage.steps):
                for group in (group for optimizer in both for group in optimizer.param_groups):
                    group["lr"] = group["peak"] * min(1, (step - done + 1) / 50, (NOTHING - step) / (NOTHING - FALLING))
                recent.append(learn(model, both, *texts.batch(stage)))
                step += 1
                if step % 25 == 0:
                    loss, right = np.mean(recent, 0)
                    recent.clear()
                    line = json.dumps(dict(step=step, length=stage.length, seconds=round(time.monotonic() - started, 1),
                                           loss=round(loss, 4), recalled=round(right, 4)))
                    print(line, file=log, flush=True)
                    print(line, flush=True)
            checkpoint.save(model, a.out / "checkpoint", TOKENIZER)
            (a.out / "checkpoint" / "steps.json").write_text(f"{step}\n")


if __name__ == "__main__":
    main()
