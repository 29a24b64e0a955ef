#!/usr/bin/env python3
"""The perplexity that Hugging Face transformers computes, over the windows of `jamba perplexity`.

    pip install torch transformers
    tools/reference_perplexity.py CHECKPOINT TEXT [--context 512] [--windows 4] [--skip 0]
"""
import argparse
import math

import torch
import transformers

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("checkpoint")
parser.add_argument("text")
parser.add_argument("--context", type=int, default=512)
parser.add_argument("--windows", type=int, default=4)
parser.add_argument("--skip", type=int, default=0)
options = parser.parse_args()

tokenizer = transformers.AutoTokenizer.from_pretrained(options.checkpoint)
model = transformers.JambaForCausalLM.from_pretrained(options.checkpoint, dtype=torch.float32, use_mamba_kernels=False).eval()
with open(options.text, encoding="utf-8") as file:
    ids = [model.config.bos_token_id] + tokenizer(file.read(), add_special_tokens=False)["input_ids"]
loss, count = 0.0, 0
for start in range(0, options.windows * options.context, options.context):
    window = torch.tensor([ids[start:start + options.context]])
    window[0, 0] = model.config.bos_token_id
    with torch.no_grad():
        logarithms = torch.log_softmax(model(window).logits[0].double(), -1)
    predictions = torch.arange(options.skip, options.context - 1)
    loss -= logarithms[predictions, window[0, predictions + 1]].sum().item()
    count += len(predictions)
print(f"{math.exp(loss / count):.6f} over {count} tokens; transformers {transformers.__version__}, torch {torch.__version__}")
