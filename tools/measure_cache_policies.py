#!/usr/bin/env python3
"""Compares ways to choose the expert that makes room in a cache, on routings of a trained model and on drawn ones.

    pip install torch transformers safetensors
    tools/measure_cache_policies.py [--model models/demo] [--text Tests/Fixtures/texts/stories.txt] [--tokens 2000]

Prints, for caches of several sizes, the share of experts that decoding one token after another finds in memory. The table
in docs/MEMORY.md is this program's output. Evicting by expected use is what Sources/Jamba/Memory/UseForecast.swift does.
"""
import argparse
import bisect
import random


def traced_routing(model_path, text_path, token_count):
    """The experts that each token chose in each mixture of a model: [token][mixture][choice], and the experts of a mixture."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(model_path)
    model = AutoModelForCausalLM.from_pretrained(model_path, dtype=torch.float32).eval()
    ids = tokenizer(open(text_path, encoding="utf-8").read(), add_special_tokens=False)["input_ids"][:token_count]
    routers, trace = [], []
    for name, module in model.named_modules():
        if name.endswith("router"):
            index = len(routers)
            routers.append([])
            module.register_forward_hook(lambda _, __, output, index=index: routers[index].append(output[-1]))
    with torch.no_grad():
        for start in range(0, len(ids), 512):
            model(torch.tensor([ids[start : start + 512]]))
    chosen = [torch.cat(indices).tolist() for indices in routers]
    for token in range(len(ids)):
        trace.append([sorted(mixture[token]) for mixture in chosen])
    return trace, model.config.num_experts


def drawn_routing(tokens, mixtures, experts, skew, stickiness, seed=1):
    """Experts drawn with chances (place + 1)^-skew; with chance `stickiness` a token keeps its predecessor's choice."""
    generator = random.Random(seed)
    orders = [generator.sample(range(experts), experts) for _ in range(mixtures)]
    weights = [(place + 1) ** -skew for place in range(experts)]
    trace = []
    for _ in range(tokens):
        step = []
        for mixture, order in enumerate(orders):
            if trace and generator.random() < stickiness:
                step.append(trace[-1][mixture])
                continue
            chosen = set()
            while len(chosen) < 2:
                chosen.add(order[generator.choices(range(experts), weights)[0]])
            step.append(sorted(chosen))
        trace.append(step)
    return trace


class Clock:
    """What every policy may know: the time in mixtures passed, and when a unit was last used."""

    def __init__(self, mixtures, experts):
        self.mixtures, self.experts, self.now, self.last = mixtures, experts, 0, {}

    def use(self, mixture, chosen):
        for expert in chosen:
            self.last[mixture, expert] = self.now

    def layers_until(self, mixture):
        return (mixture - self.now % self.mixtures - 1) % self.mixtures + 1


class LeastRecent(Clock):
    def worth(self, unit):
        return self.last[unit]


class LeastFrequent(Clock):
    """Use counted with a decay that halves it every 32 tokens."""

    def __init__(self, *sizes):
        super().__init__(*sizes)
        self.counts = {}

    def use(self, mixture, chosen):
        super().use(mixture, chosen)
        for expert in range(self.experts):
            count = self.counts.get((mixture, expert), 0) * 0.5 ** (1 / 32)
            self.counts[mixture, expert] = count + (expert in chosen)

    def worth(self, unit):
        return self.counts[unit]


class LeastStale(Clock):
    """What this token has not come to yet stays; of the rest the most recent use."""

    def worth(self, unit):
        passed_in_this_token = unit[0] <= self.now % self.mixtures and self.last[unit] // self.mixtures == self.now // self.mixtures
        return (not passed_in_this_token, self.last[unit])


class ExpectedUse(Clock):
    """The layers until a unit is expected to be used: until its layer, and then by the share of recent tokens that used it."""

    def __init__(self, *sizes):
        super().__init__(*sizes)
        self.shares = {}

    def use(self, mixture, chosen):
        super().use(mixture, chosen)
        for expert in range(self.experts):
            share = self.shares.get((mixture, expert), 2 / self.experts)
            self.shares[mixture, expert] = min(0.999, max(0.001, share + 0.05 * ((expert in chosen) - share)))

    def worth(self, unit):
        return -(self.layers_until(unit[0]) + self.mixtures * (1 / self.shares[unit] - 1))


class Clairvoyant(Clock):
    """Knows the future: the bound for all (Belady 1966)."""

    def __init__(self, mixtures, experts, trace):
        super().__init__(mixtures, experts)
        self.uses = {}
        for token, step in enumerate(trace):
            for mixture, chosen in enumerate(step):
                for expert in chosen:
                    self.uses.setdefault((mixture, expert), []).append(token * mixtures + mixture)

    def worth(self, unit):
        uses = self.uses[unit]
        following = bisect.bisect_right(uses, self.now)
        return -(uses[following] if following < len(uses) else float("inf"))


def hit_rate(policy, trace, slots):
    cached, hits, requests = set(), 0, 0
    for step in trace:
        for mixture, chosen in enumerate(step):
            policy.use(mixture, chosen)
            units = [(mixture, expert) for expert in chosen]
            requests += len(units)
            hits += sum(unit in cached for unit in units)
            for unit in units:
                if unit not in cached:
                    if len(cached) == slots:
                        cached.remove(min((other for other in cached if other not in units), key=policy.worth))
                    cached.add(unit)
            policy.now += 1
    return hits / requests


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="models/demo")
    parser.add_argument("--text", default="Tests/Fixtures/texts/stories.txt")
    parser.add_argument("--tokens", type=int, default=2000)
    options = parser.parse_args()

    trace, experts = traced_routing(options.model, options.text, options.tokens)
    routings = [(f"{options.model}, {len(trace[0])} x {experts} experts", trace, experts)]
    for name, skew, stickiness in [("equal chances", 0, 0), ("skewed", 1, 0), ("skewed and sticky", 1, 0.3)]:
        routings.append((f"drawn, {name}, 16 x 16 experts", drawn_routing(options.tokens // 4, 16, 16, skew, stickiness), 16))
    policies = [("LRU", LeastRecent), ("LFU, decaying", LeastFrequent), ("least stale", LeastStale), ("expected use", ExpectedUse)]
    print("| routing | slots | " + " | ".join(name for name, _ in policies) + " | clairvoyant |")
    print("|---|---|" + "---|" * (len(policies) + 1))
    for name, trace, experts in routings:
        mixtures = len(trace[0])
        for share in (0.25, 0.5, 0.75):
            slots = int(mixtures * experts * share)
            rates = [hit_rate(policy(mixtures, experts), trace, slots) for _, policy in policies]
            rates.append(hit_rate(Clairvoyant(mixtures, experts, trace), trace, slots))
            print(f"| {name} | {share:.0%} | " + " | ".join(f"{100 * rate:.0f} %" for rate in rates) + " |", flush=True)


main()
