"""Trains the demo model's tokenizer: byte-pair encoding of the Llama kind (metaspace, byte fallback, no pre-tokenizer).

usage: tokenizer.py DATA OUT      reads the stories and dialogues in DATA, writes OUT/tokenizer.json and its configuration
"""
import json
import pathlib
import sys

from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers

import data

VOCABULARY = 4096

CHAT_TEMPLATE = (
    "{{- bos_token }}"
    "{%- for message in messages %}{{- '<|bom|><|' + message.role + '|>' + message.content + '<|eom|>' }}{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '<|bom|><|assistant|>' }}{%- endif %}")


def train(texts):
    """The contents of tokenizer.json. While merges are learnt, pieces do not cross spaces; the result has no such limit."""
    bpe = Tokenizer(models.BPE(unk_token="<|unk|>", byte_fallback=True, fuse_unk=True))
    bpe.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    bpe.pre_tokenizer = pre_tokenizers.Split(Regex(r"▁?[^▁\n]+|\n|▁+"), "isolated")
    bpe.train_from_iterator(texts, trainers.BpeTrainer(
        vocab_size=VOCABULARY - 256, special_tokens=data.SPECIAL, limit_alphabet=200, show_progress=False))
    tokenizer = json.loads(bpe.to_str())
    learnt = tokenizer["model"]["vocab"]
    pieces = [piece for piece in sorted(learnt, key=learnt.get) if piece not in data.SPECIAL]
    order = data.SPECIAL + [f"<0x{byte:02X}>" for byte in range(256)] + pieces
    tokenizer["model"]["vocab"] = {piece: index for index, piece in enumerate(order)}
    tokenizer["pre_tokenizer"] = None
    tokenizer["added_tokens"] = [
        dict(id=index, content=piece, single_word=False, lstrip=False, rstrip=False, normalized=False, special=True)
        for index, piece in enumerate(data.SPECIAL)]
    tokenizer["decoder"] = {"type": "Sequence", "decoders": [
        {"type": "Replace", "pattern": {"String": "▁"}, "content": " "}, {"type": "ByteFallback"}, {"type": "Fuse"},
        {"type": "Strip", "content": " ", "start": 1, "stop": 0}]}
    return tokenizer


CONFIGURATION = {
    "tokenizer_class": "LlamaTokenizerFast", "bos_token": "<|startoftext|>", "eos_token": "<|endoftext|>",
    "unk_token": "<|unk|>", "pad_token": "<|pad|>", "add_bos_token": True, "add_eos_token": False,
    "clean_up_tokenization_spaces": False, "chat_template": CHAT_TEMPLATE}


def main():
    source, out = map(pathlib.Path, sys.argv[1:])
    out.mkdir(parents=True, exist_ok=True)
    texts = list(data.documents(source / "stories-tinystories.txt"))
    texts += [message["content"] for dialogue in data.dialogues(source / "chat-train.jsonl")
              if data.CHATS.get(dialogue["source"], 0) >= 1 for message in dialogue["messages"]]
    (out / "tokenizer.json").write_text(json.dumps(train(texts), ensure_ascii=False), encoding="utf8")
    (out / "tokenizer_config.json").write_text(json.dumps(CONFIGURATION, indent=1) + "\n", encoding="utf8")


if __name__ == "__main__":
    main()
