"""The rival of forward.rs: answers each line on standard input with milliseconds of one pass.

python onnxruntime_rival.py MODEL REFERENCE.npz THREADS, where REFERENCE.npz is as
tools/references.py writes it. "plain" passes over the network as onnxruntime optimises it;
"all" keeps every tensor that the reference names.
"""

import sys
import time

import numpy as np
import onnx
import onnxruntime

path, reference, threads = sys.argv[1], sys.argv[2], int(sys.argv[3])
arrays = np.load(reference)
names = open(reference + ".names").read().split("\n")
inputs, tensors = {}, []
for i, name in enumerate(names):
    kind, name = name.split(":", 1)
    if kind == "in":
        inputs[name] = arrays[f"a{i}"]
    else:
        tensors.append(name)


def session(model, level):
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = level
    options.log_severity_level = 3
    options.intra_op_num_threads = threads
    return onnxruntime.InferenceSession(model.SerializeToString(), options)


model = onnx.load(path)
level = onnxruntime.GraphOptimizationLevel
sessions = {"plain": session(model, level.ORT_ENABLE_ALL)}
named = {o.name for o in model.graph.output}
model.graph.output.extend(onnx.ValueInfoProto(name=t) for t in tensors if t not in named)
sessions["all"] = session(model, level.ORT_ENABLE_ALL)
print("ready", onnxruntime.__version__, flush=True)
for line in sys.stdin:
    run = sessions[line.strip()]
    start = time.perf_counter()
    run.run(None, inputs)
    print((time.perf_counter() - start) * 1e3, flush=True)
