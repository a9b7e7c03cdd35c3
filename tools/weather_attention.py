"""What models/weather/transformer.onnx looks at, over the windows that it did not learn from:

    python tools/weather_attention.py seattle-weather.csv

Needs numpy, onnx and onnxruntime. The file is vega-datasets', as the recipe weather-transformer takes it.
"""

import csv
import pathlib
import sys

import numpy as np
import onnx
import onnxruntime

COLUMNS = ("precipitation", "temp_max", "temp_min", "wind")
WINDOW = 28


def main() -> None:
    with open(sys.argv[1], newline="") as file:
        days = np.array([[row[c] for c in COLUMNS] for row in csv.DictReader(file)], np.float32)
    learned = int(len(days) * 0.75)
    days = (days - days[:learned].mean(0)) / days[:learned].std(0)
    starts = range(learned, len(days) - WINDOW)
    windows = np.stack([days[i : i + WINDOW] for i in starts])
    wanted = np.stack([days[i + WINDOW, 1:3] for i in starts])
    path = pathlib.Path(__file__).parent.parent / "models/weather/transformer.onnx"
    network = onnx.load(path)
    for node in list(network.graph.node):
        if node.op_type == "Softmax":
            value = onnx.helper.make_tensor_value_info(node.output[0], onnx.TensorProto.FLOAT, None)
            network.graph.output.append(value)
    session = onnxruntime.InferenceSession(network.SerializeToString())
    answer, *layers = session.run(None, {"input": windows})

    def error(found: np.ndarray) -> float:
        return float(((found - wanted) ** 2).mean())

    print(f"{len(windows)} windows: {error(answer):.4f}, nothing changes {error(windows[:, -1, 1:3]):.4f}")
    for at, weights in enumerate(layers):
        shares = weights[:, :, -1, -3:].sum(-1).mean(0)
        told = ", ".join(f"{100 * s:.1f}" for s in shares)
        print(f"layer {at}: share of the last three days in what the last day looks at, by head: {told} %")
    for kept in (1, 3, 7, 14, 21, 28):
        cut = windows.copy()
        cut[:, : WINDOW - kept] = 0
        print(f"only the last {kept} days, the rest at its mean: {error(session.run(None, {'input': cut})[0]):.4f}")


main()
