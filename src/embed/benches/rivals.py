"""The rivals' side of `rivals.rs`: `rivals.py WHICH ROWS COLUMNS TABLE PLACES THREADS`.

TABLE is little-endian float32, row by row. Writes the places (float32) and prints the seconds that the
rival took, without imports and without numba's compilation. `rivals.py data FOLDER TABLE` writes such a
table of the pictures in Fashion-MNIST's files, training before test.
"""

import gzip
import sys
import time
import warnings
from pathlib import Path

import numpy as np

warnings.filterwarnings("ignore")

if sys.argv[1] == "data":
    parts = []
    for part in ("train", "t10k"):
        packed = (Path(sys.argv[2]) / f"{part}-images-idx3-ubyte.gz").read_bytes()
        parts.append(np.frombuffer(gzip.decompress(packed), np.uint8, offset=16).reshape(-1, 784))
    (np.concatenate(parts).astype("<f4") / np.float32(255)).tofile(sys.argv[3])
    sys.exit()

which, rows, columns, table, places, threads = sys.argv[1:]
threads = int(threads)
x = np.fromfile(table, dtype="<f4").reshape(int(rows), int(columns))
small = x[np.random.default_rng(0).permutation(len(x))[: min(len(x), 5000)]]

if which == "umap":
    import numba
    import umap

    numba.set_num_threads(threads)

    def fit(t):
        return umap.UMAP(n_jobs=threads).fit_transform(t)

    fit(small)
elif which == "tsne":
    from openTSNE import TSNE

    def fit(t):
        # `random_state` only seeds; it doesn't change how many threads work.
        return np.asarray(TSNE(n_jobs=threads, random_state=0).fit(t))

    # PyNNDescent or Annoy and the interpolation are compiled before; this wakes numba if it is used.
    fit(small[:2000])
elif which == "neighbours":
    from pynndescent import NNDescent

    def fit(t):
        indices, _ = NNDescent(t, n_neighbors=15, n_jobs=threads).neighbor_graph
        return indices

    fit(small)
elif which == "pca":
    from sklearn.decomposition import PCA

    def fit(t):
        return PCA(50, random_state=0).fit_transform(t)

elif which == "kmeans":
    from sklearn.cluster import KMeans

    def fit(t):
        found = KMeans(10, n_init=1, random_state=0).fit(t)
        return [found.inertia_, found.n_iter_]

start = time.perf_counter()
out = fit(x)
print(time.perf_counter() - start, flush=True)
np.ascontiguousarray(out, dtype="<f4").tofile(places)
