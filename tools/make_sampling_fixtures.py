"""Sampling fixtures: what each stage between logits and draw keeps and changes, by implementations that are not ours.

usage: make_sampling_fixtures.py Tests/Fixtures/sampling.json     (needs torch and transformers)

Temperature, top-k, top-p, min-p, typical-p and the repetition penalty are transformers' logits processors, in float64. The
others are plain transcriptions of what their authors have published, each named at its function. Writes {"seed", "versions",
"logits", "histories", "cases"}. A case has "options" by llama-server's names and the numbers of its logits (by token) and its
history (the text's tokens), with what comes out of the stages: "penalized" (logits) or "probabilities" (by token, those of
tokens that are left out missing); of mirostat "mus", what mu becomes by the token that is drawn.
Every case is far enough from its thresholds that rounding in float32 decides nothing: see `far`.
"""
import json
import math
import random
import sys

import torch
import transformers
from transformers import (
    MinPLogitsWarper, RepetitionPenaltyLogitsProcessor, TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper,
    TypicalLogitsWarper)

SEED = 20240917
VOCABULARY = 64


# ---- Published definitions ----

def openai_penalties(logits, window, frequency, presence):
    """OpenAI, API reference, "Frequency and presence penalties":
    mu[j] -> mu[j] - c[j] * alpha_frequency - float(c[j] > 0) * alpha_presence"""
    return [mu - window.count(j) * frequency - float(window.count(j) > 0) * presence for j, mu in enumerate(logits)]


def dry(logits, window, multiplier, base, allowed_length, breakers):
    """p-e-w, "DRY: A modern repetition penalty", 2024: a token that would extend a sequence at the end of the text which
    has occurred before is penalized by multiplier * base^(n - allowed_length), n being the length of the longest such
    sequence, if that is at least allowed_length. Sequences do not go across sequence breakers."""
    result = list(logits)
    longest = {}
    for place in range(1, len(window)):
        n = 0
        while n < place and window[place - 1 - n] == window[len(window) - 1 - n] and window[place - 1 - n] not in breakers:
            n += 1
        if n and window[place] not in breakers:
            longest[window[place]] = max(longest.get(window[place], 0), n)
    for token, n in longest.items():
        if n >= allowed_length:
            result[token] -= multiplier * base ** (n - allowed_length)
    return result


def softmax(logits):
    """Of a dictionary by token."""
    largest = max(logits.values())
    weights = {token: math.exp(value - largest) for token, value in logits.items()}
    total = sum(weights.values())
    return {token: weight / total for token, weight in weights.items()}


def dynamic_temperature(logits, temperature, spread, exponent):
    """kalomaze, "Dynamic Temperature Sampling", 2023, as in llama.cpp: the entropy, as a share of the largest that so many
    tokens can have, chooses between the lowest and the highest temperature."""
    low, high = max(0.0, temperature - spread), temperature + spread
    entropy = -sum(p * math.log(p) for p in softmax(logits).values() if p > 0)
    chosen = low + (high - low) * (entropy / math.log(len(logits))) ** exponent
    return {token: value / chosen for token, value in logits.items()}


def top_n_sigma(logits, n):
    """Tang and others 2024, "Top-nσ: Not All Logits Are You Need", algorithm 1: mask l[i] < max(l) - n * sigma(l)."""
    values = list(logits.values())
    mean = sum(values) / len(values)
    sigma = math.sqrt(sum((value - mean) ** 2 for value in values) / len(values))
    return {token: value for token, value in logits.items() if value >= max(values) - n * sigma}


def xtc(logits, threshold):
    """p-e-w, "Exclude Top Choices (XTC)", 2024, where chance has it act: of the tokens with at least the threshold's
    probability all but the least probable one go."""
    probabilities = softmax(logits)
    top = [token for token, p in probabilities.items() if p >= threshold]
    if len(top) < 2:
        return logits
    last = min(top, key=lambda token: probabilities[token])
    return {token: value for token, value in logits.items() if token not in top or token == last}


def mirostat(logits, mu):
    """Basu and others 2021, "Mirostat", algorithm 2: the tokens whose surprise, -log2 of their probability, is at most mu;
    if there is none the most probable one."""
    probabilities = softmax(logits)
    kept = {token: value for token, value in logits.items() if -math.log2(probabilities[token]) <= mu}
    best = max(logits, key=logits.get)
    return kept or {best: logits[best]}


def mirostat_mu(logits, mu, token, tau, eta):
    """The same: mu after `token` was drawn."""
    return mu - eta * (-math.log2(softmax(logits)[token]) - tau)


# ---- transformers ----

def processed(processor, logits, history=()):
    """Logits of the tokens that a processor leaves."""
    scores = torch.full((1, VOCABULARY), -math.inf, dtype=torch.float64)
    for token, value in logits.items():
        scores[0, token] = value
    out = processor(torch.tensor([list(history)], dtype=torch.long), scores)[0].tolist()
    return {token: value for token, value in enumerate(out) if value > -math.inf}


# ---- Cases ----

def far(stage, *values):
    """What a stage with this parameter keeps, which is the same with one that is 1e-4 of it larger or smaller."""
    results = [stage(value) for value in values]
    assert all(set(result) == set(results[0]) for result in results), "too near a threshold: take another seed"
    return results[0]


def around(value):
    return value, value * (1 + 1e-4), value * (1 - 1e-4)


def main():
    chance = random.Random(SEED)
    cases, all_logits, histories = [], [], []

    def number(value, values):
        if value not in values:
            values.append(value)
        return values.index(value)

    def short(value):
        return float(f"{value:.10g}")

    def some_logits(spread):
        return {
            token: torch.tensor(chance.gauss(0, spread), dtype=torch.float32).item() for token in range(VOCABULARY)}

    def add(logits, options, history=(), breakers=(), **expected):
        if "probabilities" in expected:
            found = softmax(expected["probabilities"])
            expected["probabilities"] = {str(token): short(found[token]) for token in sorted(found)}
            expected["mus"] = {token: short(mu) for token, mu in expected.pop("mus", {}).items() if int(token) in found}
        else:
            expected["penalized"] = [short(value) for value in expected["penalized"]]
        cases.append({
            "options": options, "history": number(list(history), histories), "breakers": list(breakers),
            "logits": number([logits[token] for token in range(VOCABULARY)], all_logits), **expected})

    for spread in (0.5, 2.0, 6.0):
        logits = some_logits(spread)
        # Of few tokens, so that it repeats itself.
        history = [chance.randrange(6) for _ in range(120)]
        values = list(logits.values())
        for penalty in (1.3, 0.8):
            for window in (8, 64, -1):
                seen = history[-window:] if window > 0 else history
                out = processed(RepetitionPenaltyLogitsProcessor(penalty), logits, seen)
                add(logits, {"repeat_penalty": penalty, "repeat_last_n": window}, history,
                    penalized=[out[token] for token in range(VOCABULARY)])
        for frequency, presence, window in ((0.5, 0, 64), (0, 1.5, 16), (0.25, -0.5, -1), (-0.125, 0.75, 1)):
            seen = history[-window:] if window > 0 else history
            add(logits, {"frequency_penalty": frequency, "presence_penalty": presence, "repeat_last_n": window}, history,
                penalized=openai_penalties(values, seen, frequency, presence))
        for multiplier, base, allowed, window, breakers in (
                (0.8, 1.75, 2, -1, ()), (0.8, 1.75, 2, -1, (3,)), (1.5, 1.2, 1, 40, ()), (0.5, 2.0, 4, -1, (0, 5)),
                (2.0, 1.0, 3, 100, ())):
            seen = history[-window:] if window > 0 else history
            add(logits, {"dry_multiplier": multiplier, "dry_base": base, "dry_allowed_length": allowed,
                         "dry_penalty_last_n": window}, history, breakers,
                penalized=dry(values, seen, multiplier, base, allowed, breakers))
        periodic = [7, 8, 9] * 12
        add(logits, {"dry_multiplier": 0.01, "dry_base": 1.1, "dry_allowed_length": 2}, periodic,
            penalized=dry(values, periodic, 0.01, 1.1, 2, ()))

        for temperature in (0.3, 0.7, 1.0, 2.5):
            out = logits if temperature == 1 else processed(TemperatureLogitsWarper(temperature), logits)
            add(logits, {"temperature": temperature}, probabilities=out)
        for temperature, spread_, exponent in ((1.0, 0.5, 1.0), (0.7, 2.0, 1.0), (1.2, 0.6, 0.5), (1.0, 0.9, 3.0)):
            add(logits, {"temperature": temperature, "dynatemp_range": spread_, "dynatemp_exponent": exponent},
                probabilities=dynamic_temperature(logits, temperature, spread_, exponent))
        for n in (0.5, 1.0, 2.5):
            add(logits, {"temperature": 1, "top_n_sigma": n},
                probabilities=far(lambda n: top_n_sigma(logits, n), *around(n)))
        for k in (1, 5, 40, VOCABULARY):
            add(logits, {"temperature": 1, "top_k": k}, probabilities=processed(TopKLogitsWarper(k), logits))
        for p in (0.05, 0.5, 0.9, 0.99):
            add(logits, {"temperature": 1, "top_p": p},
                probabilities=far(lambda p: processed(TopPLogitsWarper(min(p, 1.0)), logits), *around(p)))
            add(logits, {"temperature": 1, "typical_p": p},
                probabilities=far(lambda p: processed(TypicalLogitsWarper(min(p, 1 - 1e-9)), logits), *around(p)))
        for p in (0.02, 0.1, 0.6):
            add(logits, {"temperature": 1, "min_p": p},
                probabilities=far(lambda p: processed(MinPLogitsWarper(p), logits), *around(p)))
        for threshold in (0.02, 0.1, 0.3):
            add(logits, {"temperature": 1, "xtc_probability": 1, "xtc_threshold": threshold},
                probabilities=far(lambda t: xtc(logits, t), *around(threshold)))
        for tau in (0.4, 1.5, 2.5):
            add(logits, {"temperature": 1, "mirostat": 2, "mirostat_tau": tau},
                probabilities=far(lambda mu: mirostat(logits, mu), *around(2 * tau)),
                mus={str(token): mirostat_mu(logits, 2 * tau, token, tau, 0.1) for token in range(VOCABULARY)})

        # All in their order.
        out = processed(RepetitionPenaltyLogitsProcessor(1.2), logits, history[-64:])
        out = dict(enumerate(openai_penalties([out[t] for t in range(VOCABULARY)], history[-64:], 0.1, 0.2)))
        out = processed(TemperatureLogitsWarper(0.8), out)
        out = far(lambda n: top_n_sigma(out, n), *around(3.0))
        out = processed(TopKLogitsWarper(30), out)
        for warper, p in ((TypicalLogitsWarper, 0.97), (TopPLogitsWarper, 0.9), (MinPLogitsWarper, 0.02)):
            out = far(lambda p, before=out: processed(warper(p), before), *around(p))
        out = far(lambda t: xtc(out, t), *around(0.15))
        add(logits, {"repeat_penalty": 1.2, "frequency_penalty": 0.1, "presence_penalty": 0.2, "temperature": 0.8,
                     "top_n_sigma": 3, "top_k": 30, "typical_p": 0.97, "top_p": 0.9, "min_p": 0.02,
                     "xtc_probability": 1, "xtc_threshold": 0.15}, history, probabilities=out)

    def lines(values):
        return "[\n" + ",\n".join(json.dumps(value, separators=(",", ":")) for value in values) + "\n]"

    versions = {"torch": torch.__version__, "transformers": transformers.__version__}
    with open(sys.argv[1], "w", encoding="utf-8") as file:
        file.write(
            f'{{"seed": {SEED}, "versions": {json.dumps(versions)},\n"logits": {lines(all_logits)},\n'
            f'"histories": {lines(histories)},\n"cases": {lines(cases)}}}\n')


main()
