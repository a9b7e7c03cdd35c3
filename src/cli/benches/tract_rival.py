"""The other rival of forward.rs, as onnxruntime_rival.py: tract's passes, which run on one thread
and give the outputs alone.

python tract_rival.py MODEL REFERENCE.npz, with PyPI's tract installed.
"""

import sys
import time

import numpy as np
import tract

path, reference = sys.argv[1], sys.argv[2]
arrays = np.load(reference)
names = open(reference + ".names").read().split("\n")
inputs = [arrays[f"a{i}"] for i, name in enumerate(names) if name.startswith("in:")]
kinds = {"float32": "f32", "float64": "f64", "int32": "i32", "int64": "i64", "bool": "bool"}
model = tract.onnx().load(path)
for i, x in enumerate(inputs):
    model.set_input_fact(i, ",".join([*map(str, x.shape), kinds[str(x.dtype)]]))
runnable = model.into_model().into_runnable()
print("ready", tract.version(), flush=True)
for line in sys.stdin:
    start = time.perf_counter()
    runnable.run(inputs)
    print((time.perf_counter() - start) * 1e3, flush=True)
