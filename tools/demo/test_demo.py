"""Tests of the trainer: python3 -m unittest, in this folder (torch, transformers and what requirements.txt names)."""
import os
import pathlib
import random
import tempfile
import unittest

os.environ.setdefault("TRITON_INTERPRET", "1")  # the GPU's kernels, run by Triton's interpreter where there is no GPU

import numpy as np
import torch

import checkpoint
import data
import facts
import ops
from model import CONFIG, Jamba
from optimizer import Muon, optimizers, orthogonal
from recall import Stage, Texts

SMALL = dict(CONFIG, vocab_size=300, hidden_size=64, intermediate_size=48, num_attention_heads=4, num_experts=4)


def shaken(config, seed=1):
    """A model none of whose parameters is at its neutral value."""
    torch.manual_seed(seed)
    model = Jamba(config)
    with torch.no_grad():
        for name, p in model.named_parameters():
            p.add_(torch.randn_like(p) * 0.1)
    return model


class Operators(unittest.TestCase):
    """Each operator and its gradients against plain PyTorch and autograd."""

    def compare(self, function, reference, *arguments, tolerance=2e-5):
        results = []
        for run in (function, reference):
            leaves = [a.detach().clone().requires_grad_() for a in arguments]
            out = run(*leaves)
            out.float().backward(torch.linspace(-1, 1, out.numel()).view(out.shape))
            results.append([out] + [leaf.grad for leaf in leaves])
        for got, want in zip(*results):
            scale = want.float().abs().max()
            self.assertLess((got.float() - want.float()).abs().max() / scale, tolerance)

    def both_types(self, function, reference, make):
        torch.manual_seed(0)
        self.compare(function, reference, *make(torch.float32))
        self.compare(function, reference, *make(torch.bfloat16), tolerance=2e-2)

    def test_rms_norm(self):
        for dtype in (torch.float32, torch.bfloat16):
            torch.manual_seed(0)
            self.compare(lambda x, w: ops.rms_norm(x, w, 1e-6, dtype), lambda x, w: ops.rms_norm_reference(x, w, 1e-6, dtype),
                         torch.randn(3, 70, 40), torch.rand(40), tolerance=2e-5 if dtype == torch.float32 else 2e-2)

    def test_swiglu(self):
        self.both_types(ops.swiglu, ops.swiglu_reference, lambda t: (3 * torch.randn(33, 50).to(t), torch.randn(33, 50).to(t)))

    def test_conv_silu(self):
        self.both_types(ops.conv_silu, ops.conv_silu_reference,
                        lambda t: (torch.randn(3, 21, 64).to(t), torch.randn(32, 4), torch.randn(32)))

    def scan_arguments(self, dtype, length=37, channels=48):
        batch, states = 2, 16
        return (torch.randn(batch, length, channels).to(dtype), torch.randn(batch, length, channels).to(dtype) - 1,
                torch.randn(batch, length, 2 * channels).to(dtype), -torch.rand(channels, states) * 4,
                torch.randn(batch, length, states), torch.randn(batch, length, states), torch.randn(channels))

    def test_scan(self):
        self.both_types(ops.scan, ops.scan_reference, self.scan_arguments)

    def test_scan_on_gpu(self):
        try:
            from scan_triton import scan
        except ImportError:
            self.skipTest("triton is not installed")
        self.both_types(scan, ops.scan_reference, self.scan_arguments)


class Model(unittest.TestCase):
    def test_equals_transformers(self):
        from transformers import JambaForCausalLM
        model = shaken(SMALL)
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            checkpoint.save(model, folder, dtype=torch.float32)
            theirs = JambaForCausalLM.from_pretrained(folder, dtype=torch.float32, use_mamba_kernels=False).eval()
        ids = torch.randint(SMALL["vocab_size"], (2, 45))
        with torch.no_grad():
            ours, want = model.logits(ids), theirs(ids, use_cache=False).logits
        self.assertLess((ours - want).abs().max() / want.abs().max(), 2e-5)

    def test_saving_and_loading(self):
        model = shaken(SMALL)
        with tempfile.TemporaryDirectory() as folder:
            checkpoint.save(model, pathlib.Path(folder), dtype=torch.float32)
            again = checkpoint.load(pathlib.Path(folder))
        for (name, one), two in zip(model.state_dict().items(), again.state_dict().values()):
            self.assertTrue(torch.equal(one, two), name)

    def test_training_reduces_the_loss(self):
        model = Jamba(SMALL)
        ids = torch.randint(SMALL["vocab_size"], (4, 33))
        losses = []
        for _ in range(30):
            loss = model.loss(ids[:, :-1], ids[:, 1:])
            (loss + 0.01 * model.balance_loss()).backward()
            losses.append(loss.item())
            if not hasattr(self, "optimizers"):
                self.optimizers = optimizers(model, 0.02, 0.004)
            for optimizer in self.optimizers:
                optimizer.step()
                optimizer.zero_grad()
        self.assertLess(losses[-1], losses[0] / 2)


class Optimizer(unittest.TestCase):
    def test_orthogonal(self):
        for shape in ((2, 40, 64), (96, 32)):
            values = torch.linalg.svdvals(orthogonal(torch.randn(shape)))
            self.assertGreater(values.min(), 0.3)
            self.assertLess(values.max(), 1.4)

    def test_every_parameter_once(self):
        model = Jamba(SMALL)
        given = [p for optimizer in optimizers(model, 1, 1) for group in optimizer.param_groups for p in group["params"]]
        self.assertEqual(sorted(map(id, given)), sorted(map(id, model.parameters())))
        self.assertIsInstance(optimizers(model, 1, 1)[0], Muon)


class Data(unittest.TestCase):
    story = "Once there was a cat named Tom. He had a red ball. He played. The ball rolled away. Tom ran. He was glad."

    def test_requests_name_what_is_in_the_story(self):
        pick = random.Random(0)
        asked = {data.request(self.story, pick) for _ in range(40)}
        self.assertTrue(any("a cat" in text and "a red ball" in text for text in asked), asked)

    def test_continuations_leave_nothing_out(self):
        pick = random.Random(0)
        for _ in range(20):
            beginning, rest = (m["content"] for m in data.continuation(self.story, pick))
            self.assertTrue(self.story.endswith(rest))
            self.assertTrue(self.story[:-len(rest) - 1] in beginning)

    def test_copies(self):
        self.assertEqual(len(list(data.copies(range(100), 2, random.Random(0)))), 200)
        self.assertAlmostEqual(len(list(data.copies(range(1000), 1.5, random.Random(0)))), 1500, delta=60)


class Facts(unittest.TestCase):
    def test_what_is_learnt_is_what_the_text_has_told(self):
        words, texts = range(100, 150), Texts(np.arange(10_000, 11_000), range(100, 150))
        ids, targets, counts = texts.batch(Stage(steps=1, batch=3, length=200, facts=8, questions=20, again=False))
        self.assertEqual([list(t.shape) for t in (ids, targets, counts)], [[3, 200]] * 3)
        self.assertTrue(torch.equal(ids[:, 1:], targets[:, :-1]))
        for row, counted in zip(torch.cat([ids[:, :1], targets], 1).tolist(), counts.tolist(), strict=True):
            told, asked = {}, 0
            for at, token in enumerate(row):
                if token == facts.SYSTEM:
                    told[row[at + 1]] = row[at + 3:at + 6]
                elif token == facts.USER:
                    self.assertEqual(row[at + 3:at + 6], told[row[at + 1]])
                    self.assertEqual(counted[at - 1:at + 5], [False] * 3 + [True] * 3)
                    asked += 1
            self.assertEqual(asked, 20)
            self.assertEqual(sum(counted), 20 * facts.ANSWER)
            # The story is there as a whole, in its order.
            story = [token for token in row if token >= 10_000]
            self.assertEqual(story, list(range(story[0], story[0] + 201 - facts.SIZE * (20 + len(told)))))
            self.assertTrue(all(token in words for answer in told.values() for token in answer[:2]))


if __name__ == "__main__":
    unittest.main()
