"""Makes the bundled sample from Fashion-MNIST's test files.

    python make.py FOLDER_WITH_T10K_FILES

Takes the first 20 images of each class, in the order of the test file.
"""

import gzip
import pathlib
import sys

source, here = pathlib.Path(sys.argv[1]), pathlib.Path(__file__).parent
pixels = gzip.decompress((source / "t10k-images-idx3-ubyte.gz").read_bytes())[16:]
labels = gzip.decompress((source / "t10k-labels-idx1-ubyte.gz").read_bytes())[8:]
taken, chosen = [0] * 10, []
for i, label in enumerate(labels):
    if taken[label] < 20:
        taken[label] += 1
        chosen.append(i)


def pack(name, head, *parts):
    raw = bytes(head) + b"".join(parts)
    (here / name).write_bytes(gzip.compress(raw, 9, mtime=0))


count = [0, 0, 0, len(chosen)]
pack("sample-images-idx3-ubyte.gz", [0, 0, 8, 3, *count, 0, 0, 0, 28, 0, 0, 0, 28],
     *(pixels[i * 784:(i + 1) * 784] for i in chosen))
pack("sample-labels-idx1-ubyte.gz", [0, 0, 8, 1, *count], bytes(labels[i] for i in chosen))
