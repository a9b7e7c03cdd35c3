"""Writes a transformer with NODES operators, layer normalization and GELU written out, narrow and
with shared weights, so that the file is small: python transformer.py OUT.onnx NODES [--named], with
the packages of tools/requirements.txt. Without --named no operator has a name."""

import sys

import numpy as np
import onnx
from onnx import TensorProto as T
from onnx import helper as h

out, wanted, named = sys.argv[1], int(sys.argv[2]), "--named" in sys.argv
WIDTH, HEADS, TOKENS = 32, 4, 16
nodes, stored = [], {}


def weight(name, value):
    if name not in stored:
        stored[name] = onnx.numpy_helper.from_array(np.asarray(value), name)
    return name


def number(value):
    return weight(f"number_{value}", np.float32(value))


def matrix(name, rows, columns):
    return weight(name, np.full([rows, columns], 0.01, np.float32))


def add(kind, inputs, label, **attributes):
    result = f"t{len(nodes)}"
    name = f"{label}/{kind}_{len(nodes)}" if named else ""
    nodes.append(h.make_node(kind, inputs, [result], name=name, **attributes))
    return result


def linear(x, label, key, rows, columns):
    y = add("MatMul", [x, matrix(f"w_{key}", rows, columns)], label)
    return add("Add", [y, weight(f"b_{key}", np.zeros(columns, np.float32))], label)


def norm(x, label):
    centred = add("Sub", [x, add("ReduceMean", [x], label, axes=[-1])], label)
    square = add("Pow", [centred, number(2.0)], label)
    variance = add("Add", [add("ReduceMean", [square], label, axes=[-1]), number(1e-5)], label)
    y = add("Div", [centred, add("Sqrt", [variance], label)], label)
    y = add("Mul", [y, weight("gain", np.ones(WIDTH, np.float32))], label)
    return add("Add", [y, weight("shift", np.zeros(WIDTH, np.float32))], label)


def heads(x, label, perm):
    shape = weight("split", np.array([0, 0, HEADS, WIDTH // HEADS], np.int64))
    return add("Transpose", [add("Reshape", [x, shape], label)], label, perm=perm)


def attention(x, label):
    q, k, v = (linear(x, label, key, WIDTH, WIDTH) for key in "qkv")
    q, k, v = (heads(y, label, p) for y, p in ((q, [0, 2, 1, 3]), (k, [0, 2, 3, 1]), (v, [0, 2, 1, 3])))
    scores = add("Div", [add("MatMul", [q, k], label), number(float(WIDTH // HEADS) ** 0.5)], label)
    scores = add("Add", [scores, "mask"], label)
    y = add("MatMul", [add("Softmax", [scores], label, axis=-1), v], label)
    y = add("Transpose", [y], label, perm=[0, 2, 1, 3])
    y = add("Reshape", [y, weight("merge", np.array([0, 0, WIDTH], np.int64))], label)
    return linear(y, label, "o", WIDTH, WIDTH)


def gelu(x, label):
    y = add("Erf", [add("Div", [x, number(2.0**0.5)], label)], label)
    y = add("Mul", [x, add("Add", [y, number(1.0)], label)], label)
    return add("Mul", [y, number(0.5)], label)


def mlp(x, label):
    y = gelu(linear(x, label, "up", WIDTH, 4 * WIDTH), label)
    return linear(y, label, "down", 4 * WIDTH, WIDTH)


x, copy = "input", 0
while len(nodes) < wanted:
    label = f"encoder/layer.{copy}"
    x = add("Add", [x, attention(norm(x, f"{label}/norm1"), f"{label}/attention")], label)
    x = add("Add", [x, mlp(norm(x, f"{label}/norm2"), f"{label}/mlp")], label)
    copy += 1
graph = h.make_graph(
    nodes,
    "transformer",
    [
        h.make_tensor_value_info("input", T.FLOAT, [1, TOKENS, WIDTH]),
        h.make_tensor_value_info("mask", T.FLOAT, [1, 1, TOKENS, TOKENS]),
    ],
    [h.make_tensor_value_info(x, T.FLOAT, None)],
    list(stored.values()),
)
onnx.save(h.make_model(graph, opset_imports=[h.make_opsetid("", 17)], ir_version=8), out)
print(out, len(nodes), "operators,", copy, "blocks")
