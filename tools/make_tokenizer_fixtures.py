"""Tokenizer fixtures: what the Hugging Face tokenizers library makes of unusual configurations.

usage: make_tokenizer_fixtures.py BASE_TOKENIZER_JSON OUT.json SEED

BASE is Tests/TokenizerTests/Fixtures/metaspace.tokenizer.json. The committed variants.json was made with tokenizers 0.23.3,
Python 3.11 and seed 1. A variant says what differs from BASE: `fields` replace members of the file, `model` members of its
model, `without` names pieces taken out of the vocabulary. `literal_ids` are the ids with encode_special_tokens set, which
keeps special tokens in the text as text. `tokenizers` are complete files.
"""
import itertools, json, random, sys
from tokenizers import Tokenizer

base_path, out_path, seed = sys.argv[1], sys.argv[2], int(sys.argv[3])
base = json.load(open(base_path))
rnd = random.Random(seed)

WORDS = ["Once", "upon", "a", "time", "Lily", "don't", "3.14", "café", "e\u0301", "Zürich", "привет", "你好", "世界", "こん", "🙂",
         "👩‍👩‍👧", "\u200b", "\u00a0", "\u3000", "\t", "\n", "\n\n", "\r\n", "  ", "   ", "▁", "▁▁", "<|eom|>", "<|bom|>", "<|user|>", "<0x41>",
         "ZOG", "LEFT", "RIGHT", "BOTH", "word", "wordy", "key", "two words", "two▁words", "_word_", "\u0301word", "word9", "x\x00y", "𝔘", "עב"]


def texts(count):
    result = ["", " ", "  ", "a", " a", "a ", "▁a", "ZOG", " ZOG ", "word", "two words", " two words", "a  LEFT  b", "a  RIGHT  b", "BOTH BOTH  BOTH", "key word keyword", "  Lily upon"]
    while len(result) < count:
        text = ""
        for _ in range(rnd.randint(1, 8)):
            text += rnd.choice(WORDS) if rnd.random() < .9 else chr(rnd.choice([rnd.randint(32, 126), rnd.randint(0x80, 0x7ff), rnd.randint(0x800, 0xd7ff), rnd.randint(0x10000, 0x1ffff)]))
            text += rnd.choice(["", "", " ", "  "])
        result.append(text)
    return result


def added(id, content, **flags):
    return dict(dict(id=id, content=content, single_word=False, lstrip=False, rstrip=False, normalized=False, special=False), **flags)


def metaspace(scheme, split, **more):
    return dict(type="Metaspace", replacement="▁", prepend_scheme=scheme, split=split, **more)


def sequence(*decoders):
    return {"type": "Sequence", "decoders": list(decoders)}


def template(*single):
    parts = [{"Sequence": {"id": "A", "type_id": 0}} if s == "A" else {"SpecialToken": {"id": s, "type_id": 0}} for s in single]
    ids = base["model"]["vocab"]
    return {"type": "TemplateProcessing", "single": parts, "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": {s: {"id": s, "ids": [ids[s]], "tokens": [s]} for s in single if s != "A"}}


n = len(base["model"]["vocab"])
flagged = base["added_tokens"] + [
    added(n, "ZOG"), added(n + 1, "LEFT", lstrip=True), added(n + 2, "RIGHT", rstrip=True, special=True), added(n + 3, "BOTH", lstrip=True, rstrip=True),
    added(n + 4, "word", single_word=True), added(base["model"]["vocab"]["key"], "key", normalized=True), added(n + 5, "two words", normalized=True), added(n + 6, "  ", rstrip=True)]
prepend = {"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "▁"}, {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]}
replace = {"type": "Replace", "pattern": {"String": "▁"}, "content": " "}
strip = {"type": "Strip", "content": " ", "start": 1, "stop": 0}
bytes_, fuse = {"type": "ByteFallback"}, {"type": "Fuse"}
some_bytes = ["<0xE4>", "<0xF0>", "<0xD7>"]

VARIANTS = {
    "flags": dict(fields=dict(added_tokens=flagged)),
    "flags, normalizer": dict(fields=dict(added_tokens=flagged, normalizer=prepend, pre_tokenizer=None)),
    "all normalized": dict(fields=dict(added_tokens=[dict(t, normalized=True) for t in flagged], normalizer=prepend, pre_tokenizer=None)),
    "all normalized, metaspace": dict(fields=dict(added_tokens=[dict(t, normalized=True) for t in flagged])),
    "no byte fallback": dict(model=dict(byte_fallback=False)),
    "no byte fallback, no fusing": dict(model=dict(byte_fallback=False, fuse_unk=False)),
    "no byte fallback, no unknown": dict(model=dict(byte_fallback=False, unk_token=None)),
    "some bytes": dict(without=some_bytes),
    "some bytes, no fusing": dict(model=dict(fuse_unk=False), without=some_bytes),
    "always": dict(fields=dict(pre_tokenizer=metaspace("always", False))),
    "never": dict(fields=dict(pre_tokenizer=metaspace("never", False), decoder=metaspace("never", True))),
    "always split": dict(fields=dict(pre_tokenizer=metaspace("always", True), decoder=sequence(metaspace("always", True), bytes_, fuse))),
    "first split": dict(fields=dict(pre_tokenizer={"type": "Sequence", "pretokenizers": [metaspace("first", True)]}, decoder=sequence(bytes_, metaspace("first", True)))),
    "never split": dict(fields=dict(pre_tokenizer=metaspace("never", True), decoder=None)),
    "old spelling": dict(fields=dict(pre_tokenizer={"type": "Metaspace", "replacement": "▁", "add_prefix_space": True, "str_rep": "▁"})),
    "ignore merges": dict(model=dict(ignore_merges=True), fields=dict(pre_tokenizer=metaspace("first", True))),
    "framed": dict(fields=dict(post_processor={"type": "Sequence", "processors": [template("<|startoftext|>", "<|bom|>", "A", "<|endoftext|>")]})),
    "unframed": dict(fields=dict(post_processor=None)),
    "strips": dict(fields=dict(decoder=sequence(replace, bytes_, fuse, {"type": "Strip", "content": " ", "start": 2, "stop": 1}, {"type": "Strip", "content": "a", "start": 1, "stop": 2}))),
    "strips each": dict(fields=dict(decoder=sequence(replace, bytes_, strip, fuse))),
    "replacements": dict(fields=dict(normalizer={"type": "Sequence", "normalizers": [{"type": "Replace", "pattern": {"String": "on"}, "content": "no no"}, {"type": "Replace", "pattern": {"String": "  "}, "content": ""}]},
                                     decoder=sequence({"type": "Replace", "pattern": {"String": "e"}, "content": ""}, {"type": "Replace", "pattern": {"String": "on"}, "content": "<0x41>"}, bytes_, fuse))),
}


def build(variant):
    j = json.loads(json.dumps(base))
    j.update(variant.get("fields", {}))
    j["model"].update(variant.get("model", {}))
    for piece in variant.get("without", []): del j["model"]["vocab"][piece]
    return j


def tiny():
    """Every string of up to four of three letters is a piece, and random pairs of them merge: often two ways to one piece."""
    pieces = ["".join(p) for k in range(1, 5) for p in itertools.product("abc", repeat=k)]
    pairs = [(p[:k], p[k:]) for p in pieces for k in range(1, len(p))]
    merges = rnd.sample(pairs, rnd.randint(20, len(pairs)))
    merges += rnd.sample(merges, 3)  # the later of two counts
    return {"version": "1.0", "truncation": None, "padding": None, "added_tokens": [], "normalizer": None, "pre_tokenizer": None, "post_processor": None, "decoder": None,
            "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": "", "end_of_word_suffix": "", "fuse_unk": False, "byte_fallback": False,
                      "vocab": {p: i * 3 for i, p in enumerate(pieces)}, "merges": [f"{a} {b}" for a, b in merges]}}


def runs(t, j):
    """Random ids, byte tokens often, and ids that are none."""
    ids = [i for i in list(j["model"]["vocab"].values()) + [a["id"] for a in j["added_tokens"]]]
    singles = [v for k, v in j["model"]["vocab"].items() if k.startswith("<0x")] or ids
    utf8 = [j["model"]["vocab"].get(f"<0x{b:02X}>", 10 ** 6) for b in "né世🙂\n".encode()]
    for index in range(12):
        run = [singles[0]] + [a["id"] for a in j["added_tokens"]] if index == 0 else []
        for _ in range(rnd.randint(0, 6)):
            kind = rnd.random()
            run += [rnd.choice(ids)] if kind < .5 else [rnd.choice(singles)] if kind < .7 else utf8[rnd.randint(0, 3):rnd.randint(4, len(utf8))] if kind < .9 else [rnd.choice([10 ** 6, 2 ** 31 - 1, 3, j["model"]["vocab"].get("▁", 0)])]
        try: case = {"ids": run, "decoded": t.decode(run, skip_special_tokens=False), "decoded_skip_special": t.decode(run, skip_special_tokens=True)}
        except BaseException: continue  # Strip panics on texts shorter than what it cuts
        # A special token that is itself normalized ("▁<|eom|>") the library fails to skip: nothing to learn from that.
        if j["normalizer"] and any(a["normalized"] and a["special"] and a["id"] in run for a in j["added_tokens"]): del case["decoded_skip_special"]
        yield case


def cases(j, inputs):
    t = Tokenizer.from_str(json.dumps(j)); literal = Tokenizer.from_str(json.dumps(j)); literal.encode_special_tokens = True
    encoded = []
    for s in inputs:
        ids = t.encode(s, add_special_tokens=False).ids
        case = {"text": s, "ids": ids}
        framed = t.encode(s).ids; raw = literal.encode(s, add_special_tokens=False).ids
        if framed != ids: case["ids_with_special"] = framed
        if raw != ids: case["literal_ids"] = raw
        encoded.append(case)
    return {"encoded": encoded, "decoded": list(runs(t, j))}


out = {"variants": [], "tokenizers": []}
for name, variant in VARIANTS.items():
    out["variants"].append({"name": name, "fields": variant.get("fields", {}), "model": variant.get("model", {}), "without": variant.get("without", []), **cases(build(variant), texts(42))})
for _ in range(12):
    j = tiny()
    out["tokenizers"].append({"json": j, **cases(j, ["".join(rnd.choice("abcd" if rnd.random() < .1 else "abc") for _ in range(rnd.randint(1, 40))) for _ in range(25)])})
lines = lambda xs: "[\n" + ",\n".join(json.dumps(x, ensure_ascii=True, separators=(",", ":")) for x in xs) + "\n]"
open(out_path, "w").write('{"variants":' + lines(out["variants"]) + ',\n"tokenizers":' + lines(out["tokenizers"]) + "}\n")
print({k: len(v) for k, v in out.items()})
