"""PyTorch's passes over ONNX networks on a graphics device, for `forward.rs --gpu`:

python torch_rival.py FOLDER_OF_MODELS FOLDER_OF_REFERENCES [PART OF A NAME]...

Each operator is the torch function of its name; "every" keeps all its tensors, "outputs" drops
them when their last reader has run. Median of 15 passes after 2, each waited for. Prints the
largest difference of the first output from onnxruntime's, on the same inputs, as a share of it.
"""

import os
import statistics
import sys
import time

import numpy as np
import onnx
import onnxruntime
import torch
import torch.nn.functional as F
from onnx import numpy_helper

torch.backends.cuda.matmul.allow_tf32 = False
torch.backends.cudnn.allow_tf32 = False
models, references, parts = sys.argv[1], sys.argv[2], sys.argv[3:]


def padded(x, a, value=0.0):
    pads = a.get("pads", [0] * 4)
    half = len(pads) // 2
    if pads[:half] == pads[half:]:
        return x, pads[:half]
    flat = [p for i in reversed(range(half)) for p in (pads[i], pads[i + half])]
    return F.pad(x, flat, value=value), [0] * half


def conv(a, x, w, b=None):
    x, p = padded(x, a)
    return F.conv2d(x, w, b, a.get("strides", 1), p, a.get("dilations", 1), a.get("group", 1))


def max_pool(a, x):
    x, p = padded(x, a, float("-inf"))
    return F.max_pool2d(x, a["kernel_shape"], a.get("strides"), p, ceil_mode=bool(a.get("ceil_mode", 0)))


def average_pool(a, x):
    x, p = padded(x, a)
    return F.avg_pool2d(x, a["kernel_shape"], a.get("strides"), p, count_include_pad=bool(a.get("count_include_pad", 0)))


def gemm(a, x, w, b):
    w = w.T if a.get("transB", 0) else w
    return torch.addmm(b, x, w)


OPERATORS = {
    "Conv": conv,
    "MaxPool": max_pool,
    "AveragePool": average_pool,
    "GlobalAveragePool": lambda a, x: x.mean((2, 3), keepdim=True),
    "BatchNormalization": lambda a, x, s, b, m, v: F.batch_norm(x, m, v, s, b, eps=a.get("epsilon", 1e-5)),
    "LRN": lambda a, x: F.local_response_norm(x, a["size"], a["alpha"], a["beta"], a["bias"]),
    "Gemm": gemm,
    "MatMul": lambda a, x, y: x @ y,
    "Relu": lambda a, x: F.relu(x),
    "Add": lambda a, x, y: x + y,
    "Sum": lambda a, x, y: x + y,
    "Mul": lambda a, x, y: x * y,
    "Concat": lambda a, *x: torch.cat(x, a["axis"]),
    "Transpose": lambda a, x: x.permute(a["perm"]),
    "Reshape": lambda a, x, s: x.reshape([n or x.shape[i] for i, n in enumerate(s.tolist())]),
    "Dropout": lambda a, x: x,
    # Before opset 13 the axes from one on are taken as one.
    "Softmax": lambda a, x: F.softmax(x.flatten(a.get("axis", 1)), -1).reshape(x.shape),
}


def prepared(model):
    """The constants by name, and the other nodes with their attributes and last reads."""
    known = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
    nodes = []
    for node in model.graph.node:
        a = {x.name: onnx.helper.get_attribute_value(x) for x in node.attribute}
        if node.op_type == "ConstantOfShape":
            value = numpy_helper.to_array(a["value"])[0] if "value" in a else np.float32(0)
            known[node.output[0]] = np.full(known[node.input[0]], value)
        elif node.op_type == "Unsqueeze" and node.input[0] in known:
            axes = a.get("axes") or known[node.input[1]].tolist()
            known[node.output[0]] = np.expand_dims(known[node.input[0]], tuple(axes))
        else:
            nodes.append((OPERATORS[node.op_type], a, list(node.input), node.output[0]))
    last = {name: i for i, node in enumerate(nodes) for name in node[2]}
    tensors = {n: torch.tensor(v, device="cpu" if v.dtype == np.int64 else "cuda") for n, v in known.items()}
    return tensors, nodes, last


@torch.inference_mode()
def run(tensors, nodes, last, output, given, keep):
    values = dict(given)
    for i, (f, a, inputs, out) in enumerate(nodes):
        values[out] = f(a, *(values[n] if n in values else tensors[n] for n in inputs if n))
        if not keep:
            for n in inputs:
                if last[n] == i and n != output:
                    values.pop(n, None)
    return values[output].cpu()


print(f"{torch.cuda.get_device_name()}, PyTorch {torch.__version__}, float32 without TF32; milliseconds")
for file in sorted(os.listdir(models)):
    stem = file[:-5]
    if not file.endswith(".onnx") or (parts and not any(p in stem for p in parts)):
        continue
    model = onnx.load(f"{models}/{file}")
    arrays = np.load(f"{references}/{stem}.npz")
    names = open(f"{references}/{stem}.npz.names").read().split("\n")
    inputs = {n[3:]: arrays[f"a{i}"] for i, n in enumerate(names) if n.startswith("in:")}
    try:
        tensors, nodes, last = prepared(model)
    except KeyError as missing:
        print(f"{stem:28} {missing} is not among the operators here")
        continue
    given = {n: torch.tensor(v, device="cuda") for n, v in inputs.items()}
    output, times = model.graph.output[0].name, {}
    for keep in (True, False):
        taken = []
        for _ in range(17):
            torch.cuda.synchronize()
            start = time.perf_counter()
            found = run(tensors, nodes, last, output, given, keep)
            taken.append((time.perf_counter() - start) * 1e3)
        times[keep] = statistics.median(taken[2:])
    wanted = onnxruntime.InferenceSession(model.SerializeToString()).run([output], inputs)[0]
    error = np.abs(found.numpy() - wanted).max() / np.abs(wanted).max()
    print(f"{stem:28} {times[True]:9.2f} {times[False]:9.2f}   differs by {error:.1e}", flush=True)
