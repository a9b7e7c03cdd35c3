"""Writes small random TFLite models with an input and the outputs that LiteRT computes.

usage: tflite_references.py FOLDER [MODEL...]

Needs the PyPI packages tflite (the schema), flatbuffers, ai-edge-litert and numpy. FOLDER gets
NAME.tflite and NAME.json for each model here; `src/compute/tests/foreign.rs` compares with them. Of
each further MODEL, FOLDER gets a copy and a NAME.json with what LiteRT computes for it.
"""

import json
import pathlib
import shutil
import sys

import flatbuffers
import numpy as np
import tflite
from ai_edge_litert.interpreter import Interpreter

random = np.random.default_rng(11)
B, T = tflite.BuiltinOperator, tflite.TensorType


class Model:
    """One subgraph, written operator by operator; shapes are stated by the caller."""

    def __init__(self, shape):
        self.build = flatbuffers.Builder(1024)
        self.tensors, self.buffers, self.operators, self.codes = [], [b""], [], []
        self.x = self.tensor("x", shape)

    def tensor(self, name, shape, values=None, scale=None, axis=0):
        kinds = {"float32": T.FLOAT32, "int32": T.INT32, "int8": T.INT8}
        kind = T.FLOAT32 if values is None else kinds[str(values.dtype)]
        buffer = 0
        if values is not None:
            buffer = len(self.buffers)
            self.buffers.append(values.tobytes())
        self.tensors.append((name, shape, kind, buffer, scale, axis))
        return len(self.tensors) - 1

    def const(self, values, **kwargs):
        values = np.asarray(values)
        if values.dtype == np.float64:
            values = values.astype(np.float32)
        if values.dtype == np.int64:
            values = values.astype(np.int32)
        return self.tensor(f"c{len(self.tensors)}", values.shape, values, **kwargs)

    def weights(self, *shape):
        return self.const(random.uniform(-0.8, 0.8, shape))

    def op(self, name, inputs, shape, options=None, **settings):
        """`options` names a table of the schema; `settings` are its fields."""
        if name not in self.codes:
            self.codes.append(name)
        y = self.tensor(f"net/{name.lower()}{len(self.operators)}", shape)
        self.operators.append((name, inputs, [y], options, settings))
        return y

    def vector(self, kind, values):
        build = self.build
        if kind == "offset":
            build.StartVector(4, len(values), 4)
            [build.PrependUOffsetTRelative(v) for v in reversed(values)]
            return build.EndVector()
        return build.CreateNumpyVector(np.asarray(values, dtype=kind))

    def table(self, name, fields):
        build = self.build
        getattr(tflite, f"{name}Start")(build)
        for field, value in fields.items():
            getattr(tflite, f"{name}Add{field}")(build, value)
        return getattr(tflite, f"{name}End")(build)

    def finish(self, outputs):
        build = self.build
        buffers = [self.table("Buffer", {"Data": build.CreateByteVector(b)} if b else {}) for b in self.buffers]
        tensors = []
        for name, shape, kind, buffer, scale, axis in self.tensors:
            fields = {"Shape": self.vector("i4", shape), "Name": build.CreateString(name)}
            if scale is not None:
                scales = self.vector("f4", scale)
                zeros = self.vector("i8", [0] * len(scale))
                settings = {"Scale": scales, "ZeroPoint": zeros, "QuantizedDimension": axis}
                fields["Quantization"] = self.table("QuantizationParameters", settings)
            tensors.append(self.table("Tensor", fields | {"Type": kind, "Buffer": buffer}))
        operators = []
        for name, inputs, results, options, settings in self.operators:
            lists = {k: self.vector("i4", v) for k, v in settings.items() if isinstance(v, list)}
            fields = {"Inputs": self.vector("i4", inputs), "Outputs": self.vector("i4", results)}
            if options:
                fields["BuiltinOptions"] = self.table(options, settings | lists)
                fields["BuiltinOptionsType"] = getattr(tflite.BuiltinOptions, options)
            operators.append(self.table("Operator", fields | {"OpcodeIndex": self.codes.index(name)}))
        codes = []
        for name in self.codes:
            code = getattr(B, name)
            settings = {"DeprecatedBuiltinCode": min(code, 127), "BuiltinCode": code, "Version": VERSIONS.get(name, 1)}
            codes.append(self.table("OperatorCode", settings))
        graph = self.table("SubGraph", {
            "Tensors": self.vector("offset", tensors), "Inputs": self.vector("i4", [self.x]),
            "Outputs": self.vector("i4", outputs), "Operators": self.vector("offset", operators)})
        model = self.table("Model", {
            "Version": 3, "OperatorCodes": self.vector("offset", codes),
            "Subgraphs": self.vector("offset", [graph]), "Buffers": self.vector("offset", buffers)})
        build.Finish(model, b"TFL3")
        return bytes(build.Output())


VERSIONS = {"RESIZE_BILINEAR": 3, "RESIZE_NEAREST_NEIGHBOR": 3, "TRANSPOSE_CONV": 3}
RELU, RELU6 = 1, 3
SAME, VALID = 0, 1


def windows():
    m = Model((1, 6, 5, 4))
    conv = m.op("CONV_2D", [m.x, m.weights(3, 3, 2, 4), m.weights(3)], (1, 3, 5, 3), "Conv2DOptions",
                Padding=SAME, StrideW=1, StrideH=2, FusedActivationFunction=RELU6)
    scale = random.uniform(0.002, 0.01, 6)
    kernel = m.const(random.integers(-127, 128, (6, 2, 2, 2)).astype(np.int8), scale=scale)
    floats = m.op("DEQUANTIZE", [kernel], (6, 2, 2, 2), "DequantizeOptions")
    groups = m.op("CONV_2D", [m.x, floats, m.weights(6)], (1, 5, 4, 6), "Conv2DOptions",
                  Padding=VALID, StrideW=1, StrideH=1, FusedActivationFunction=RELU)
    each = m.op("DEPTHWISE_CONV_2D", [m.x, m.weights(1, 3, 3, 8), m.weights(8)], (1, 6, 5, 8),
                "DepthwiseConv2DOptions", Padding=SAME, StrideW=1, StrideH=1, DepthMultiplier=2,
                DilationWFactor=2, DilationHFactor=1)
    largest = m.op("MAX_POOL_2D", [m.x], (1, 3, 3, 4), "Pool2DOptions", Padding=SAME, StrideW=2, StrideH=2,
                   FilterWidth=3, FilterHeight=3)
    mean = m.op("AVERAGE_POOL_2D", [m.x], (1, 3, 3, 4), "Pool2DOptions", Padding=SAME, StrideW=2, StrideH=2,
                FilterWidth=3, FilterHeight=2)
    turned = m.op("TRANSPOSE_CONV", [m.const([1, 12, 10, 3]), m.weights(3, 3, 3, 4), m.x, m.weights(3)],
                  (1, 12, 10, 3), "TransposeConvOptions", Padding=SAME, StrideW=2, StrideH=2)
    flat = m.op("RESHAPE", [conv, m.const([1, 45])], (1, 45), "ReshapeOptions", NewShape=[1, 45])
    dense = m.op("FULLY_CONNECTED", [flat, m.weights(5, 45), m.weights(5)], (1, 5), "FullyConnectedOptions",
                 FusedActivationFunction=RELU)
    soft = m.op("SOFTMAX", [dense], (1, 5), "SoftmaxOptions", Beta=1.0)
    return m.finish([conv, groups, each, largest, mean, turned, dense, soft])


def elements():
    m = Model((1, 3, 4, 2))
    s = (1, 3, 4, 2)
    one = [m.op(name, [m.x], s) for name in (
        "RELU", "RELU6", "RELU_N1_TO_1", "LOGISTIC", "TANH", "HARD_SWISH", "ELU", "ABS", "NEG", "EXP", "FLOOR",
        "SQUARE", "SIN", "COS")]
    root = [m.op(name, [one[9]], s) for name in ("SQRT", "RSQRT", "LOG")]
    leaky = m.op("LEAKY_RELU", [m.x], s, "LeakyReluOptions", Alpha=0.2)
    slope = m.op("PRELU", [m.x, m.weights(1, 1, 2)], s)
    other = m.weights(4, 2)
    two = [m.op(name, [m.x, other], s, f"{name.title()}Options", FusedActivationFunction=RELU)
           for name in ("ADD", "MUL", "SUB", "DIV")]
    more = [m.op(name, [m.x, m.weights(2)], s) for name in ("MAXIMUM", "MINIMUM", "SQUARED_DIFFERENCE")]
    sums = [
        m.op("MEAN", [m.x, m.const([1, 2])], (1, 2), "ReducerOptions", KeepDims=False),
        m.op("SUM", [m.x, m.const([3])], (1, 3, 4, 1), "ReducerOptions", KeepDims=True),
        m.op("REDUCE_MAX", [m.x, m.const([1])], (1, 4, 2), "ReducerOptions", KeepDims=False),
    ]
    last = [m.op("SOFTMAX", [m.x], s, "SoftmaxOptions", Beta=1.0), m.op("LOG_SOFTMAX", [m.x], s),
            m.op("L2_NORMALIZATION", [m.x], s, "L2NormOptions")]
    return m.finish(one + root + [leaky, slope] + two + more + sums + last)


def moves():
    m = Model((1, 4, 6, 4))
    outputs = [
        m.op("PAD", [m.x, m.const([[0, 0], [1, 2], [0, 1], [0, 3]])], (1, 7, 7, 7), "PadOptions"),
        m.op("MIRROR_PAD", [m.x, m.const([[0, 0], [1, 1], [2, 0], [0, 0]])], (1, 6, 8, 4), "MirrorPadOptions", Mode=0),
        m.op("CONCATENATION", [m.x, m.x], (1, 4, 6, 8), "ConcatenationOptions", Axis=3),
        m.op("CONCATENATION", [m.x, m.x], (1, 8, 6, 4), "ConcatenationOptions", Axis=1),
        m.op("TRANSPOSE", [m.x, m.const([0, 3, 1, 2])], (1, 4, 4, 6)),
        m.op("STRIDED_SLICE", [m.x, m.const([0, 1, 0, 0]), m.const([1, 4, 5, 2]), m.const([1, 1, 2, 1])],
             (1, 3, 3, 2), "StridedSliceOptions", BeginMask=0, EndMask=0),
        m.op("STRIDED_SLICE", [m.x, m.const([0, 0, 1, 0]), m.const([0, 0, 2, 0]), m.const([1, 1, 1, 1])],
             (1, 4, 4), "StridedSliceOptions", BeginMask=11, EndMask=11, ShrinkAxisMask=4),
        m.op("SLICE", [m.x, m.const([0, 0, 2, 1]), m.const([1, 4, 3, -1])], (1, 4, 3, 3)),
        m.op("RESIZE_BILINEAR", [m.x, m.const([7, 9])], (1, 7, 9, 4), "ResizeBilinearOptions", HalfPixelCenters=True),
        m.op("RESIZE_BILINEAR", [m.x, m.const([8, 3])], (1, 8, 3, 4), "ResizeBilinearOptions", AlignCorners=True),
        m.op("RESIZE_BILINEAR", [m.x, m.const([8, 12])], (1, 8, 12, 4), "ResizeBilinearOptions"),
        m.op("RESIZE_NEAREST_NEIGHBOR", [m.x, m.const([7, 9])], (1, 7, 9, 4), "ResizeNearestNeighborOptions",
             HalfPixelCenters=True),
        m.op("RESIZE_NEAREST_NEIGHBOR", [m.x, m.const([8, 12])], (1, 8, 12, 4), "ResizeNearestNeighborOptions"),
        m.op("DEPTH_TO_SPACE", [m.x], (1, 8, 12, 1), "DepthToSpaceOptions", BlockSize=2),
        m.op("SPACE_TO_DEPTH", [m.x], (1, 2, 3, 16), "SpaceToDepthOptions", BlockSize=2),
        m.op("RESHAPE", [m.x, m.const([1, 8, 12])], (1, 8, 12), "ReshapeOptions", NewShape=[1, 8, 12]),
        m.op("GATHER", [m.x, m.const([2, 0, 1])], (1, 4, 3, 4), "GatherOptions", Axis=2),
        m.op("PACK", [m.x, m.x], (1, 2, 4, 6, 4), "PackOptions", ValuesCount=2, Axis=1),
        m.op("TILE", [m.x, m.const([1, 2, 1, 1])], (1, 8, 6, 4), "TileOptions"),
    ]
    flat = m.op("RESHAPE", [m.x, m.const([24, 4])], (24, 4), "ReshapeOptions", NewShape=[24, 4])
    outputs.append(m.op("BATCH_MATMUL", [flat, flat], (24, 24), "BatchMatMulOptions", AdjY=True))
    return m.finish(outputs)


def array(values):
    flat = [float(f"{v:.6g}") for v in np.asarray(values).astype("f4").flatten()]
    return {"shape": list(values.shape), "values": flat}


def record(path, target):
    interpreter = Interpreter(model_path=str(path))
    interpreter.allocate_tensors()
    inputs = {}
    for detail in interpreter.get_input_details():
        # Between 0 and 1, as images are.
        values = random.uniform(-1, 1, detail["shape"])
        values = values.astype(detail["dtype"])
        interpreter.set_tensor(detail["index"], values)
        inputs[detail["name"]] = array(values)
    interpreter.invoke()
    outputs = [array(interpreter.get_tensor(d["index"])) for d in interpreter.get_output_details()]
    text = json.dumps({"inputs": inputs, "outputs": outputs}, separators=(",", ":"))
    target.write_text(text + "\n")


def main():
    folder = pathlib.Path(sys.argv[1])
    for make in (windows, elements, moves):
        path = folder / f"{make.__name__}.tflite"
        path.write_bytes(make())
        record(path, path.with_suffix(".json"))
    for model in map(pathlib.Path, sys.argv[2:]):
        try:
            record(model, folder / f"{model.stem}.json")
            shutil.copy(model, folder / model.name)
        except (RuntimeError, ValueError) as problem:
            print(f"{model.name}: {problem}")


main()
