"""Writes the seeds of src/formats/corpus that a network library rarely exports.

python make_corpus.py FOLDER, with the packages of tools/requirements.txt.
"""

import os
import sys

import numpy as np
import onnx
from onnx import TensorProto as T
from onnx import helper as h

FOLDER = sys.argv[1]
VALUE = {T.FLOAT: 1.5, T.DOUBLE: 2.5, T.STRING: b"text", T.BOOL: 1}


def info(name, shape, kind=T.FLOAT):
    return h.make_tensor_value_info(name, kind, shape)


def save(name, nodes, inputs, outputs, opset, initializers=(), **rest):
    sparse = rest.pop("sparse", [])
    graph = h.make_graph(nodes, name, inputs, outputs, list(initializers), sparse_initializer=sparse)
    imports = [h.make_opsetid("", opset)] + rest.pop("imports", [])
    model = h.make_model(graph, opset_imports=imports, ir_version=10, **rest)
    path = os.path.join(FOLDER, name + ".onnx")
    onnx.save(model, path)
    print(path, os.path.getsize(path))


def typed():
    """Every element type twice: in its typed field and as raw bytes."""
    stored, nodes, outputs = [], [], []
    for name, kind in sorted(T.DataType.items()):
        if kind in (T.UNDEFINED, T.COMPLEX64, T.COMPLEX128):
            continue
        short = name.lower()
        values = [VALUE.get(kind, 1)] * 6
        stored.append(h.make_tensor(f"typed_{short}", kind, [2, 3], values))
        used = [f"typed_{short}"]
        if kind != T.STRING:
            array = onnx.numpy_helper.to_array(stored[-1])
            stored.append(onnx.numpy_helper.from_array(array, f"raw_{short}"))
            used.append(f"raw_{short}")
        for name in used:
            nodes.append(h.make_node("Identity", [name], [f"out_{name}"]))
            outputs.append(info(f"out_{name}", [2, 3], kind))
    nodes.append(h.make_node("Relu", ["x"], ["y"]))
    save("typed", nodes, [info("x", [2])], outputs + [info("y", [2])], 21, stored)


def nested():
    """Graphs in graphs: If in a Loop's body, a Scan beside it, values of outer graphs inside."""
    then = h.make_graph([h.make_node("Add", ["state", "outer"], ["t"], name="grow")], "grow", [], [info("t", None)])
    other = h.make_graph([h.make_node("Sub", ["state", "outer"], ["e"], name="shrink")], "shrink", [], [info("e", None)])
    body = h.make_graph(
        [
            h.make_node("Identity", ["go"], ["again"]),
            h.make_node("If", ["go"], ["next"], name="choose", then_branch=then, else_branch=other),
            h.make_node("Identity", ["next"], ["seen"]),
        ],
        "body",
        [info("i", [], T.INT64), info("go", [], T.BOOL), info("state", [2])],
        [info("again", [], T.BOOL), info("next", [2]), info("seen", [2])],
    )
    step = h.make_graph(
        [h.make_node("Add", ["sum", "item"], ["sum2"], name="add"), h.make_node("Identity", ["sum2"], ["each"])],
        "step",
        [info("sum", [2]), info("item", [2])],
        [info("sum2", [2]), info("each", [2])],
    )
    nodes = [
        h.make_node("Relu", ["x"], ["outer"]),
        h.make_node("Loop", ["trips", "yes", "x"], ["last", "all"], name="loop", body=body),
        h.make_node("Scan", ["last", "all"], ["total", "steps"], name="scan", body=step, num_scan_inputs=1),
    ]
    stored = [h.make_tensor("trips", T.INT64, [], [3]), h.make_tensor("yes", T.BOOL, [], [1])]
    save("nested", nodes, [info("x", [2])], [info("total", [2]), info("steps", ["n", 2])], 17, stored)


def recent():
    """Operators of opset 24, with a symbolic batch and length."""
    rng = np.random.default_rng(1)

    def weight(name, *shape):
        return onnx.numpy_helper.from_array(rng.standard_normal(shape).astype(np.float32), name)

    nodes = [
        h.make_node("Gather", ["table", "ids"], ["e"], name="embed/tokens"),
        h.make_node("RMSNormalization", ["e", "gain"], ["n"], name="block/norm", epsilon=1e-6),
        *[h.make_node("MatMul", ["n", f"w{c}"], [c], name=f"block/attention/{c}") for c in "qkv"],
        h.make_node("Attention", ["q", "k", "v"], ["a"], name="block/attention/mix", q_num_heads=2, kv_num_heads=2),
        h.make_node("Add", ["a", "e"], ["r"], name="block/residual"),
        h.make_node("Swish", ["r"], ["s"], name="block/swish", alpha=1.0),
        h.make_node("LayerNormalization", ["s", "gain"], ["l"], name="head/norm"),
        h.make_node("Gelu", ["l"], ["y"], name="head/gelu", approximate="tanh"),
    ]
    stored = [weight("table", 11, 8), weight("gain", 8), *[weight(f"w{c}", 8, 8) for c in "qkv"]]
    save("recent", nodes, [info("ids", ["batch", "length"], T.INT64)], [info("y", ["batch", "length", 8])], 24, stored)


def quantised():
    nodes = [
        h.make_node("QuantizeLinear", ["x", "s", "z"], ["xq"]),
        h.make_node("QLinearConv", ["xq", "s", "z", "w", "s", "z", "s", "z"], ["yq"], pads=[1, 1, 1, 1]),
        h.make_node("DequantizeLinear", ["yq", "s", "z"], ["y"]),
        h.make_node("DynamicQuantizeLinear", ["y"], ["d", "ds", "dz"]),
        h.make_node("MatMulInteger", ["d", "d", "dz", "dz"], ["m"]),
    ]
    stored = [
        h.make_tensor("s", T.FLOAT, [], [0.1]),
        h.make_tensor("z", T.UINT8, [], [128]),
        h.make_tensor("w", T.UINT8, [2, 1, 3, 3], [128] * 18),
    ]
    save("quantised", nodes, [info("x", [1, 1, 4, 4])], [info("y", None), info("m", None, T.INT32)], 13, stored)


def early():
    """Opset 7, where scales, axes and bounds are attributes."""
    nodes = [
        h.make_node("Upsample", ["x"], ["u"], mode="nearest", scales=[1.0, 1.0, 2.0, 2.0]),
        h.make_node("Clip", ["u"], ["c"], min=0.0, max=6.0),
        h.make_node("Dropout", ["c"], ["d"], ratio=0.5),
        h.make_node("Unsqueeze", ["d"], ["q"], axes=[0]),
        h.make_node("Squeeze", ["q"], ["s"], axes=[0]),
        h.make_node("Pad", ["s"], ["p"], mode="constant", pads=[0, 0, 1, 1, 0, 0, 1, 1], value=0.0),
        h.make_node("Slice", ["p"], ["l"], axes=[2, 3], starts=[0, 0], ends=[8, 8]),
        h.make_node("ReduceMean", ["l"], ["m"], axes=[2, 3], keepdims=0),
        h.make_node("Softmax", ["m"], ["y"], axis=1),
    ]
    save("early", nodes, [info("x", [1, 3, 4, 4])], [info("y", [1, 3])], 7)


def odd():
    """Sequences, sparse and external values, functions, and an operator nobody knows."""
    far = onnx.numpy_helper.from_array(np.ones(2, np.float32), "far")
    onnx.external_data_helper.set_external_data(far, "odd.bin", offset=0, length=8)
    far.ClearField("raw_data")
    values = h.make_tensor("thin", T.FLOAT, [1], [3.0])
    sparse = h.make_sparse_tensor(values, h.make_tensor("thin_at", T.INT64, [1], [1]), [2])
    double = h.make_function(
        "mine", "Double", ["a"], ["b"], [h.make_node("Add", ["a", "a"], ["b"])], [h.make_opsetid("", 17)]
    )
    nodes = [
        h.make_node("Add", ["x", "far"], ["a"]),
        h.make_node("Add", ["a", "thin"], ["b"]),
        h.make_node("Double", ["b"], ["c"], domain="mine"),
        h.make_node("Twist", ["c"], ["d"], domain="elsewhere", how=b"\xff\xfe"),
        h.make_node("SequenceConstruct", ["c", "d"], ["list"]),
        h.make_node("ConcatFromSequence", ["list"], ["y"], axis=0),
        h.make_node("Einsum", ["y", "y"], ["z"], equation="i,i->"),
    ]
    imports = [h.make_opsetid("mine", 1), h.make_opsetid("elsewhere", 3)]
    save(
        "odd",
        nodes,
        [info("x", [2])],
        [info("y", None), info("z", None)],
        17,
        [far],
        sparse=[sparse],
        functions=[double],
        imports=imports,
    )


for make in (typed, nested, recent, quantised, early, odd):
    make()
