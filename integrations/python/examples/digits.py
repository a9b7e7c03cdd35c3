"""The 1,797 handwritten digits that scikit-learn ships (UCI ML repository, 8 x 8 pixels), read
without importing it: its folder, or ``LAYERSCOPE_DIGITS`` with the path of ``digits.csv.gz``."""

import csv
import gzip
import importlib.util
import os
import random


def load(seed=0, test=360):
    """``(train, test)``, each ``(pixels, labels)``: rows of 64 numbers from 0 to 1, and digits."""
    path = os.environ.get("LAYERSCOPE_DIGITS")
    if not path:
        package = importlib.util.find_spec("sklearn")
        if package is None:
            raise SystemExit("scikit-learn is expected, or LAYERSCOPE_DIGITS with the path of its digits.csv.gz")
        path = os.path.join(os.path.dirname(package.origin), "datasets", "data", "digits.csv.gz")
    with gzip.open(path, "rt") as file:
        rows = [[float(v) for v in row] for row in csv.reader(file)]
    random.Random(seed).shuffle(rows)
    pixels = [[v / 16 for v in row[:-1]] for row in rows]
    labels = [int(row[-1]) for row in rows]
    return (pixels[test:], labels[test:]), (pixels[:test], labels[:test])
