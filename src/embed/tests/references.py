"""Writes `samples/`: tables, and what scikit-learn, SciPy, NumPy, umap-learn and openTSNE make of them.

    python references.py

needs scikit-learn, scipy, umap-learn and openTSNE. Every line of `references.txt` is a name and numbers.
"""

from pathlib import Path

import numpy as np
from openTSNE import TSNE
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.linalg import orthogonal_procrustes
from sklearn.cluster import HDBSCAN, KMeans
from sklearn.datasets import make_blobs, make_moons
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.manifold import trustworthiness
from sklearn.metrics.pairwise import cosine_similarity
from sklearn.neighbors import NearestNeighbors
from umap import UMAP

HERE = Path(__file__).parent / "samples"
HERE.mkdir(exist_ok=True)
random = np.random.default_rng(7)
lines = []


def table(name, values):
    np.savetxt(HERE / f"{name}.csv", values, fmt="%.4f", delimiter=",")
    # As the tests read it.
    return np.loadtxt(HERE / f"{name}.csv", delimiter=",", dtype=np.float32)


def note(name, values):
    flat = np.asarray(values).ravel()
    lines.append(" ".join([name] + [repr(v.item()) for v in flat]))


blobs, classes = make_blobs(300, 10, centers=5, cluster_std=2.5, random_state=3)
blobs = table("blobs", blobs)
other = table("other", np.tanh(blobs @ random.normal(size=(10, 6)) * 0.1) + 0.3 * random.normal(size=(300, 6)))
moons = np.concatenate([make_moons(260, noise=0.06, random_state=1)[0], random.uniform(-2, 3, size=(40, 2))])
moons = table("moons", moons)
wide = table("wide", random.normal(size=(30, 4)) @ random.normal(size=(4, 80)) + 0.1 * random.normal(size=(30, 80)))

for name, values, count in (("blobs", blobs, 10), ("wide", wide, 5)):
    pca = PCA(count, svd_solver="full").fit(values.astype(np.float64))
    note(f"pca.{name}.variance", pca.explained_variance_)
    note(f"pca.{name}.explained", pca.explained_variance_ratio_)
    note(f"pca.{name}.components", pca.components_)

for metric in ("euclidean", "cosine"):
    near = NearestNeighbors(n_neighbors=8, metric=metric, algorithm="brute").fit(blobs.astype(np.float64))
    distances, indices = near.kneighbors()
    note(f"near.{metric}.indices", indices[:40])
    note(f"near.{metric}.distances", distances[:40])
note("cosines", cosine_similarity(blobs[:12].astype(np.float64)))

start = blobs[:5].astype(np.float64)
means = KMeans(5, init=start, n_init=1, tol=0).fit(blobs.astype(np.float64))
note("kmeans.inertia", means.inertia_)
note("kmeans.labels", means.labels_)
note("kmeans.best", KMeans(5, n_init=20, random_state=0).fit(blobs.astype(np.float64)).inertia_)

for name, values in (("blobs", blobs), ("moons", moons)):
    for size in (5, 12):
        for samples in (None, 3):
            found = HDBSCAN(min_cluster_size=size, min_samples=samples, copy=True).fit(values.astype(np.float64))
            note(f"hdbscan.{name}.{size}.{samples or 0}.labels", found.labels_)
            note(f"hdbscan.{name}.{size}.{samples or 0}.probabilities", np.round(found.probabilities_, 6))

for method in ("average", "ward"):
    tree = linkage(blobs[:80].astype(np.float64), method)
    note(f"linkage.{method}", tree)
    note(f"linkage.{method}.cut", fcluster(tree, 6, "maxclust"))

flat = PCA(2, svd_solver="full").fit_transform(blobs.astype(np.float64))
for k in (5, 15):
    note(f"trust.pca.{k}", trustworthiness(blobs, flat, n_neighbors=k))
note("trust.pca.cosine", trustworthiness(blobs, flat, n_neighbors=5, metric="cosine"))
note("trust.umap", trustworthiness(blobs, UMAP(random_state=0).fit_transform(blobs), n_neighbors=15))
note("trust.tsne", trustworthiness(blobs, np.asarray(TSNE(random_state=0).fit(blobs)), n_neighbors=15))


def hsic(k, l):
    n = len(k)
    k, l = k - np.diag(np.diag(k)), l - np.diag(np.diag(l))
    one = np.ones(n)
    cross = one @ k @ one * (one @ l @ one) / (n - 1) / (n - 2) - 2 / (n - 2) * (one @ k @ l @ one)
    return (np.trace(k @ l) + cross) / n / (n - 3)


def svcca(a, b, share=0.99):
    def whiten(t):
        u, s, _ = np.linalg.svd(t - t.mean(0), full_matrices=False)
        kept = np.searchsorted(np.cumsum(s**2) / np.sum(s**2), share) + 1
        return u[:, :kept]

    return np.linalg.svd(whiten(a).T @ whiten(b))[1].mean()


a, b = blobs.astype(np.float64), other.astype(np.float64)
for name, x, y in (("tall", a, b), ("wide", wide.astype(np.float64), b[:30])):
    p, q = x - x.mean(0), y - y.mean(0)
    note(f"cka.{name}", np.sum((p.T @ q) ** 2) / np.linalg.norm(p.T @ p) / np.linalg.norm(q.T @ q))
    k, l = x @ x.T, y @ y.T
    note(f"cka.{name}.unbiased", hsic(k, l) / np.sqrt(hsic(k, k) * hsic(l, l)))
note("svcca", svcca(a, b))

left, right = a[:, :3] - a[:, :3].mean(0), b[:, :3] - b[:, :3].mean(0)
turn, scale = orthogonal_procrustes(left, right)
note("procrustes.rotation", turn)
note("procrustes.scale", scale / np.sum(left**2))

noisy = np.where(random.uniform(size=300) < 0.15, random.integers(0, 5, 300), classes)
note("probe.classes", noisy)
probe = LogisticRegression(max_iter=1000, tol=1e-8).fit(b[:200], noisy[:200])
note("probe.weights", probe.coef_)
note("probe.bias", probe.intercept_)
note("probe.accuracy", [probe.score(b[:200], noisy[:200]), probe.score(b[200:], noisy[200:])])

(HERE / "references.txt").write_text("\n".join(lines) + "\n")
