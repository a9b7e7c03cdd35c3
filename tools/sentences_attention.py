"""What the heads of the sentence classifier look at while it is learned, on assets/sentences/sample.tsv.

    python tools/sentences_attention.py target/release/layerscope [FOLDER]   # needs onnx and NumPy

For each kept state of models/logs/sentiment, and for the bundled network: how many sentences it tells,
how even each head is (entropy of its rows, as a share of the largest possible), and which tokens are
looked at most, as multiples of what they would get if it were even. The states are left in FOLDER as
STEP.onnx, to be opened or rendered.
"""

import collections
import json
import pathlib
import re
import shutil
import struct
import subprocess
import sys
import tempfile

import numpy as np
import onnx
from onnx import numpy_helper

ROOT = pathlib.Path(__file__).parent.parent
MODEL = ROOT / "models/sentiment"
LONGEST = 64


def tensors(path):
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    found = {}
    for name, entry in json.loads(data[8 : 8 + length]).items():
        if name != "__metadata__" and entry["dtype"] == "F32":
            start, end = (8 + length + at for at in entry["data_offsets"])
            found[name] = np.frombuffer(data[start:end], "<f4").reshape(entry["shape"])
    return found


def states(folder):
    """The kept states as ONNX files, in order, the bundled network last."""
    shutil.copy(MODEL / "tokenizer.json", folder)
    kept = sorted((ROOT / "models/logs/sentiment/weights").iterdir(), key=lambda p: int(p.stem))
    files = []
    for path in kept:
        model, values = onnx.load(MODEL / "sentiment.onnx"), tensors(path)
        for tensor in model.graph.initializer:
            if tensor.name in values:
                tensor.CopyFrom(numpy_helper.from_array(values[tensor.name].copy(), tensor.name))
        files.append(folder / f"{path.stem}.onnx")
        onnx.save(model, files[-1])
    shutil.copy(MODEL / "sentiment.onnx", folder / "bundled.onnx")
    return [*files, folder / "bundled.onnx"]


def main():
    program = sys.argv[1]
    folder = pathlib.Path(sys.argv[2] if len(sys.argv) > 2 else tempfile.mkdtemp())
    folder.mkdir(parents=True, exist_ok=True)
    lines = (ROOT / "assets/sentences/sample.tsv").read_text(encoding="utf-8").splitlines()[1:]
    rows = [line.split("\t") for line in lines]
    positive = np.array([float(rating) > 0 for _, rating, _ in rows])
    texts = [f"--text={text}" for _, _, text in rows]
    # Names of tokens by their numbers, bytes undisguised as far as they are letters.
    vocabulary = json.loads((MODEL / "tokenizer.json").read_text(encoding="utf-8"))["model"]["vocab"]
    names = {number: re.sub("^Ġ", " ", token) for token, number in vocabulary.items()}
    for path in states(folder):
        out = folder / "pass.npz"
        command = [program, "run", str(path), "--all", "--out", str(out), *texts]
        subprocess.run(command, check=True, capture_output=True)
        arrays = {name.removesuffix(".npy"): value for name, value in np.load(out).items()}
        logits = arrays["head/classifier.out"]
        told = ((logits[:, 1] > logits[:, 0]) == positive).mean()
        print(f"{path.stem}: {told:.1%} of {len(rows)} sentences")
        # Which words each token is: the row of the table that its embedding equals.
        table = next(
            numpy_helper.to_array(t)
            for t in onnx.load(path).graph.initializer
            if t.name.endswith("word_embeddings.weight")
        )
        number = {row.tobytes(): i for i, row in enumerate(table)}
        words = arrays["embeddings/words.out"]
        for layer in (1, 2):
            weights = arrays[f"layer{layer}/attention/weights.out"]
            for head in range(weights.shape[1]):
                even, looked = [], collections.defaultdict(list)
                for row, own in zip(weights[:, head], words):
                    count = int((row[0] > 0).sum())
                    part = row[:count, :count]
                    even.append(-(part * np.log(part + 1e-12)).sum(-1).mean() / np.log(count))
                    for place, share in enumerate(part.mean(0) * count):
                        token = names[number[own[place].tobytes()]]
                        looked[token].append(share)
                often = [(np.mean(v), t) for t, v in looked.items() if len(v) > 1]
                most = ", ".join(f"{t!r} {m:.1f}" for m, t in sorted(often, reverse=True)[:10])
                print(f"  layer {layer} head {head + 1}: evenness {np.mean(even):.3f}; {most}")


if __name__ == "__main__":
    main()
