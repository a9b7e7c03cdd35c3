"""Writes a chain of ResNet-50 bodies with NODES operators, narrow and with shared weights, so that
the file is small: python chain.py OUT.onnx NODES, with the packages of tools/requirements.txt."""

import sys

import numpy as np
import onnx
from onnx import TensorProto as T
from onnx import helper as h

out, wanted = sys.argv[1], int(sys.argv[2])
nodes, stored = [], {}


def weight(name, shape, value):
    if name not in stored:
        stored[name] = onnx.numpy_helper.from_array(np.full(shape, value, np.float32), name)
    return name


def add(kind, inputs, label, **attributes):
    name = f"{label}/{kind}_{len(nodes)}"
    nodes.append(h.make_node(kind, inputs, [name], name=name, **attributes))
    return name


def conv_bn(x, label, key, filters, channels, kernel):
    w = weight(f"w_{key}_{filters}_{channels}", [filters, channels, kernel, kernel], 0.01)
    x = add("Conv", [x, w], label, pads=[kernel // 2] * 4, kernel_shape=[kernel, kernel])
    norm = [weight(f"{part}_{filters}", [filters], 1.0) for part in ("scale", "bias", "mean", "var")]
    return add("BatchNormalization", [x, *norm], label)


def build():
    x, channels, copy = "input", 8, 0
    while True:
        for stage, blocks in enumerate([3, 4, 6, 3]):
            wide = 16 << stage
            for block in range(blocks):
                label = f"copy{copy}/stage{stage}/block{block}"
                start, y = x, x
                for i, (filters, kernel) in enumerate([(wide // 4, 1), (wide // 4, 3), (wide, 1)]):
                    y = conv_bn(y, label, i, filters, channels if i == 0 else wide // 4, kernel)
                    if i < 2:
                        y = add("Relu", [y], label)
                if block == 0:
                    start = conv_bn(start, label, "short", wide, channels, 1)
                x = add("Relu", [add("Add", [y, start], label)], label)
                channels = wide
                if len(nodes) >= wanted:
                    return x
        copy += 1


last = build()
graph = h.make_graph(
    nodes,
    "chain",
    [h.make_tensor_value_info("input", T.FLOAT, [1, 8, 56, 56])],
    [h.make_tensor_value_info(last, T.FLOAT, None)],
    list(stored.values()),
)
onnx.save(h.make_model(graph, opset_imports=[h.make_opsetid("", 17)], ir_version=8), out)
print(out, len(nodes), "operators")
