"""Compares ONNX files with references: `run_onnx.py MODEL.onnx REFERENCE.safetensors ...`.

A reference holds tensors `in.NAME` and `out.NAME`.
"""

import json
import sys

import numpy as np
import onnxruntime

DTYPES = {"F32": np.float32, "I64": np.int64}


def tensors(path):
    """The tensors of a safetensors file by name."""
    content = open(path, "rb").read()
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    header.pop("__metadata__", None)
    data = content[8 + length :]
    return {
        name: np.frombuffer(data[slice(*a["data_offsets"])], DTYPES[a["dtype"]]).reshape(a["shape"])
        for name, a in header.items()
    }


def main():
    failed = False
    for model, reference in zip(sys.argv[1::2], sys.argv[2::2]):
        wanted = tensors(reference)
        session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
        inputs = {name[3:]: value for name, value in wanted.items() if name.startswith("in.")}
        names = [name[4:] for name in wanted if name.startswith("out.")]
        worst = 0.0
        for name, found in zip(names, session.run(names, inputs)):
            expected = wanted[f"out.{name}"]
            worst = max(worst, float(np.abs(found - expected).max() / np.abs(expected).max()))
        print("equal" if worst < 1e-4 else "DIFFERENT", reference, worst)
        failed |= not worst < 1e-4
    sys.exit(failed)


main()
