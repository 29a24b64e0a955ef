"""Trains the demo model for a number of minutes and writes a checkpoint in Hugging Face layout.

usage: train.py OUT --minutes M      OUT holds tokenizer.json and train.npy (tokenizer.py, data.py)

Every few minutes OUT/state.pt is written; --resume goes on from it, and the minutes count the time already spent.
OUT/log.jsonl gets a line for each measurement. Ctrl-C writes the state and stops.
"""
import argparse
import ctypes
import json
import os
import pathlib
import time

import numpy as np
import torch

import checkpoint
import data
from model import CONFIG, Jamba
from optimizer import optimizers


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--minutes", type=float, required=True, help="of training, by the clock")
    parser.add_argument("--valid", type=pathlib.Path, help="held-out stories, measured now and then")
    parser.add_argument("--resume", action="store_true", help="go on from OUT/state.pt")
    parser.add_argument("--batch", type=int, default=24, help="sequences a step (default: %(default)s)")
    parser.add_argument("--length", type=int, default=512, help="tokens a sequence (default: %(default)s)")
    parser.add_argument("--lr-muon", type=float, default=0.025, help="(default: %(default)s)")
    parser.add_argument("--lr-adam", type=float, default=0.005, help="(default: %(default)s)")
    parser.add_argument("--decay", type=float, default=0.6, help="the last part of the time, in which the rate falls to "
                        "nothing (default: %(default)s)")
    parser.add_argument("--balance", type=float, default=0.01, help="weight of the routers' balance (default: %(default)s)")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    return parser.parse_args()


def keep_memory():
    """Tells glibc's malloc to keep what is freed: else each large tensor is mapped and cleared by the kernel anew."""
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):
        trim_threshold, top_pad, mmap_max = -1, -2, -4
        libc.mallopt(mmap_max, 0), libc.mallopt(trim_threshold, 2**31 - 1), libc.mallopt(top_pad, 256 << 20)


class Batches:
    """Windows of the token stream in a random order, another one each time through."""

    def __init__(self, stream, batch, length):
        self.stream, self.batch, self.length, self.pass_count, self.at = stream, batch, length, 0, 0
        self.shuffle()

    def shuffle(self):
        random = np.random.default_rng(self.pass_count)
        offset = random.integers(self.length)  # other borders each time
        count = (len(self.stream) - 1 - offset) // self.length
        self.starts = offset + random.permutation(count) * self.length

    def next(self, device):
        """ids and targets [batch, length]"""
        if self.at + self.batch > len(self.starts):
            self.pass_count, self.at = self.pass_count + 1, 0
            self.shuffle()
        starts = self.starts[self.at:self.at + self.batch]
        self.at += self.batch
        rows = np.stack([self.stream[start:start + self.length + 1] for start in starts]).astype(np.int64)
        rows = torch.from_numpy(rows).to(device)
        return rows[:, :-1], rows[:, 1:]


def rate(spent, step, decay):
    """The share of the full learning rate: a short rise, level, then down to nothing as the time runs out."""
    return min(1, (step + 1) / 50) * max(0.0, min(1, (1 - spent) / decay))


def held_out(path, encode, length=512, count=40):
    ids = sum((encode(story) for story in data.documents(path)), [])[:count * length + 1]
    rows = torch.tensor([ids[i:i + length + 1] for i in range(0, len(ids) - length, length)])
    return rows[:, :-1], rows[:, 1:]


@torch.no_grad()
def measure(model, valid, device):
    losses = [model.loss(ids.to(device), targets.to(device)).item()
              for ids, targets in zip(valid[0].split(8), valid[1].split(8))]
    return sum(losses) / len(losses)


def main():
    a = arguments()
    keep_memory()
    torch.manual_seed(0)
    model = Jamba(CONFIG).to(a.device)
    muon, adam = optimizers(model, a.lr_muon, a.lr_adam)
    batches = Batches(np.load(a.out / "train.npy", mmap_mode="r"), a.batch, a.length)
    valid = held_out(a.valid, data.Encoder(a.out)) if a.valid else None
    step, before = 0, 0.0
    if a.resume:
        state = torch.load(a.out / "state.pt", map_location=a.device, weights_only=True)
        model.load_state_dict(state["model"])
        muon.load_state_dict(state["muon"]), adam.load_state_dict(state["adam"])
        step, before, batches.pass_count, batches.at = state["step"], state["seconds"], state["pass"], state["at"]
        batches.shuffle()
    log = (a.out / "log.jsonl").open("a" if a.resume else "w")
    started, saved, reported = time.monotonic(), time.monotonic(), []

    def seconds():
        return before + time.monotonic() - started

    def save():
        state = dict(model=model.state_dict(), muon=muon.state_dict(), adam=adam.state_dict(), step=step,
                     seconds=seconds(), **{"pass": batches.pass_count, "at": batches.at})
        torch.save(state, a.out / "state.pt.partial")
        os.replace(a.out / "state.pt.partial", a.out / "state.pt")

    def report(**more):
        line = dict(step=step, tokens=step * a.batch * a.length, seconds=round(seconds(), 1),
                    loss=round(float(np.mean(reported)), 4), **more)
        reported.clear()
        log.write(json.dumps(line) + "\n")
        log.flush()
        print(json.dumps(line), flush=True)

    try:
        while (spent := seconds() / (a.minutes * 60)) < 1:
            for optimizer in (muon, adam):
                for group in optimizer.param_groups:
                    group["lr"] = group["peak"] * rate(spent, step, a.decay)
            ids, targets = batches.next(a.device)
            loss = model.loss(ids, targets)
            (loss + a.balance * model.balance_loss()).backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            for optimizer in (muon, adam):
                optimizer.step()
                optimizer.zero_grad(set_to_none=True)
            step += 1
            reported.append(loss.item())
            if step % 250 == 0 and valid:
                report(valid=round(measure(model, valid, a.device), 4))
            elif step % 25 == 0:
                report()
            if time.monotonic() - saved > 300:
                save()
                saved = time.monotonic()
        if valid and reported:
            report(valid=round(measure(model, valid, a.device), 4))
    except KeyboardInterrupt:
        print("stopped; --resume goes on from here")
    save()
    checkpoint.save(model, a.out / "checkpoint", a.out)


if __name__ == "__main__":
    main()
