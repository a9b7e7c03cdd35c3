"""Writes what onnxruntime computes for each real model: inputs and every intermediate tensor.

python tools/references.py MODELS OUT: MODELS is a ':'-separated list of folders; OUT gets NAME.npz
with arrays `in:<name>` and `out:<name>`. Graph optimisation is off, so that each tensor of the file
exists; constants that the graph builds are left out. Existing files are kept.
"""

import os
import sys

import numpy as np
import onnx
import onnxruntime

# Sizes for free axes, by part of the file name and input name.
SHAPES = {
    "PP-OCRv4_det": {"x": [1, 3, 96, 128]},
    "PP-OCRv4_rec": {"x": [1, 3, 48, 160]},
    "mobile_v2.0_cls": {"x": [1, 3, 48, 192]},
    "MiniLM": {"input_ids": [2, 12], "attention_mask": [2, 12]},
    "silero_vad_16k_sequence": {"input": [3, 576]},
    "silero_vad": {"input": [1, 576], "state": [2, 1, 128]},
}


# Letters, five columns by seven rows: a text detector answers noise with almost nothing.
LETTERS = {
    "H": ["10001", "10001", "10001", "11111", "10001", "10001", "10001"],
    "E": ["11111", "10000", "10000", "11110", "10000", "10000", "11111"],
    "L": ["10000", "10000", "10000", "10000", "10000", "10000", "11111"],
    "O": ["01110", "10001", "10001", "10001", "10001", "10001", "01110"],
}


def text_image(shape):
    """Dark letters on a light ground, as the normalised input of the PP-OCR networks."""
    image = np.full(shape, 2.0, dtype=np.float32)
    scale = shape[2] // 12
    for place, letter in enumerate("HELLO"):
        bits = np.array([[int(bit) for bit in row] for row in LETTERS[letter]])
        rows = np.kron(bits, np.ones((scale, scale // 2), dtype=int))
        top, left = 2 * scale, scale + place * 3 * scale
        height = min(rows.shape[0], shape[2] - top)
        width = max(0, min(rows.shape[1], shape[3] - left))
        image[:, :, top : top + height, left : left + width] -= 3.5 * rows[:height, :width]
    return image


def value(rng, name, kind, shape):
    if name == "x":
        return text_image(shape)
    if name == "sr":
        return np.array(16000, dtype=np.int64)
    if name == "input_ids":
        return rng.integers(1000, 20000, shape).astype(np.int64)
    if name == "attention_mask":
        mask = np.ones(shape, dtype=np.int64)
        mask[-1, shape[1] // 2 :] = 0
        return mask
    if kind == onnx.TensorProto.FLOAT:
        return rng.standard_normal(shape).astype(np.float32)
    raise ValueError(f"no value for input {name} of type {kind}")


def reference(path, out):
    model = onnx.load(path)
    graph = model.graph
    stored = {t.name for t in graph.initializer}
    sizes = next((s for part, s in SHAPES.items() if part in os.path.basename(path)), {})
    rng = np.random.default_rng(7)
    inputs = {}
    for given in graph.input:
        if given.name in stored:
            continue
        stated = [d.dim_value for d in given.type.tensor_type.shape.dim]
        shape = sizes.get(given.name, stated)
        inputs[given.name] = value(rng, given.name, given.type.tensor_type.elem_type, shape)
    named = {o.name for o in graph.output}
    for node in graph.node:
        if node.op_type in ("Constant", "ConstantOfShape"):
            continue
        # A dropout mask means nothing outside training, and onnxruntime fills it with zeros.
        for name in node.output[:1] if node.op_type == "Dropout" else node.output:
            if name and name not in named:
                named.add(name)
                graph.output.append(onnx.ValueInfoProto(name=name))
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model.SerializeToString(), options)
    names = [o.name for o in session.get_outputs()]
    arrays = {f"in:{k}": v for k, v in inputs.items()}
    for name, array in zip(names, session.run(names, inputs)):
        if array is not None:
            arrays[f"out:{name}"] = array
    # Names hold slashes, which would become folders: numbered entries and a list of names.
    keys = sorted(arrays)
    with open(out + ".names", "w") as names:
        names.write("\n".join(keys))
    np.savez(out, **{f"a{i}": arrays[k] for i, k in enumerate(keys)})


def main():
    folders, out = sys.argv[1].split(":"), sys.argv[2]
    os.makedirs(out, exist_ok=True)
    for folder in folders:
        for name in sorted(os.listdir(folder)):
            target = os.path.join(out, name.removesuffix(".onnx") + ".npz")
            if name.endswith(".onnx") and not os.path.exists(target):
                try:
                    reference(os.path.join(folder, name), target)
                except Exception as error:
                    sys.exit(f"{name}: {error}")


main()
