"""Writes minilm.json and minilm.safetensors: what PyTorch makes of texts with MiniLM-L6.

Needs torch, transformers and safetensors: `python make_minilm.py FOLDER`, where FOLDER holds the
sentence encoder with its tokenizer.
"""

import json
import sys
from pathlib import Path

import torch
import transformers
from safetensors.torch import save_file
from tokenizers import Tokenizer

HERE = Path(__file__).parent
TEXTS = json.loads((HERE / "../../data/tests/tokenizers/texts.json").read_text())
# Every third is run, and the two that are too long.
RUN = [*range(0, len(TEXTS) - 2, 3), len(TEXTS) - 2, len(TEXTS) - 1]


def main():
    folder = sys.argv[1]
    tokenizer = Tokenizer.from_file(f"{folder}/tokenizer.json")
    tokenizer.no_padding()
    tokenizer.enable_truncation(512)
    ids = [tokenizer.encode(text).ids for text in TEXTS]
    model = transformers.AutoModel.from_pretrained(folder).eval()
    means = []
    with torch.no_grad():
        for i in RUN:
            # The mean over the tokens, each text alone.
            states = model(torch.tensor([ids[i]])).last_hidden_state
            means.append(states[0].mean(0))
    (HERE / "minilm.json").write_text(json.dumps({"ids": ids, "run": RUN}))
    save_file({"sentences": torch.stack(means)}, HERE / "minilm.safetensors")


main()
