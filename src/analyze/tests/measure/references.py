"""Writes references.txt beside itself: what the reference packages answer, one line a result.

    python references.py [TOPIC...]

The numbers were made by NumPy 2, SciPy 1, pandas 3, scikit-learn 1 and powerlaw 2, as
`pip install numpy scipy pandas scikit-learn powerlaw` gives them; each topic imports what it needs.
"""

import math
import pathlib
import sys

import numpy as np


def scattered(n):
    """The same numbers as `scattered` in main.rs, to the last bit."""
    i = np.arange(n)
    return ((i * 7919) % 1009) / 100 - 3 + i / 50


def fitted(x, window, degree, i):
    """Savitzky and Golay's definition; on powers of the place, SciPy loses 6 digits here."""
    start = min(max(i - window // 2, 0), len(x) - window)
    places = np.arange(start, start + window)
    return np.polynomial.Polynomial.fit(places, x[places], degree)(i)


def smoothing():
    import pandas as pd
    from scipy import ndimage, signal

    x = scattered(60)
    out = {"exponential": {}, "gaussian": {}, "median": {}, "polynomial": {}}
    for weight in (0, 0.3, 0.6, 0.99, 1):
        # A transliteration of TensorBoard's classicSmoothing (data_transformer.ts).
        last, count, smoothed = 0.0, 0, []
        for v in x:
            last = last * weight + (1 - weight) * v
            count += 1
            smoothed.append(last / (1 if weight == 1 else 1 - weight**count))
        out["exponential"][weight] = smoothed
    for sigma in (0.5, 2, 7.3, 15):
        out["gaussian"][sigma] = ndimage.gaussian_filter1d(x, sigma, mode="nearest")
    for window in (2, 3, 8, 15, 200):
        out["median"][window] = pd.Series(x).rolling(window, center=True, min_periods=1).median()
    for window, degree in ((3, 1), (5, 2), (11, 3), (31, 6), (59, 4), (5, 0)):
        out["polynomial"][f"{window} {degree}"] = signal.savgol_filter(x, window, degree)
    # Longer ones, every 97th value.
    x = scattered(3000)
    out["long"] = {
        "gaussian 30": ndimage.gaussian_filter1d(x, 30, mode="nearest", truncate=8)[::97],
        "gaussian 211.7": ndimage.gaussian_filter1d(x, 211.7, mode="nearest", truncate=8)[::97],
        "gaussian 2500": ndimage.gaussian_filter1d(x, 2500, mode="nearest", truncate=8)[::97],
        "median 301": pd.Series(x).rolling(301, center=True, min_periods=1).median()[::97],
        "polynomial 501 5": [fitted(x, 501, 5, i) for i in range(0, 3000, 97)],
    }
    return out


def outliers():
    x = scattered(500)
    x[[3, 40, 77]] = [1e6, -1e5, 900]
    out = {}
    for low, high in ((0.05, 0.95), (0.01, 0.99)):
        a, b = np.quantile(x, [low, high])
        inside = x[(a <= x) & (x <= b)]
        out[f"{low} {high}"] = [inside.min(), inside.max(), (x < a).sum(), (x > b).sum()]
    return out


def distribution():
    from tensorboard.plugins.distribution import compressor

    # Contiguous, as TensorBoard writes them, one of them empty.
    edges = [-2, -1, -0.5, 0, 0.1, 1, 3, 10]
    counts = [3, 20, 41, 0, 17, 9, 1]
    buckets = list(zip(edges, edges[1:], counts))
    out = {"lines": [v for _, v in compressor.compress_histogram(buckets)]}

    class Proto:
        num, min, max = sum(counts), -1.7, 4.0
        bucket, bucket_limit = counts, edges[1:]

    out["lines within"] = [v for _, v in compressor.compress_histogram_proto(Proto)]
    # Shares of uniform densities, by the cumulative counts at the new edges.
    new = np.linspace(-1.5, 5, 14)
    cumulative = np.concatenate([[0], np.cumsum(counts)])
    at = np.interp(new, edges, cumulative)
    out["rebinned"] = np.diff(at)
    out["outside"] = [at[0], sum(counts) - at[-1]]
    return out


def gradient():
    rng = np.random.default_rng(7)
    parts = rng.normal(0.3, 1, (6, 9)).round(3)
    n, size = len(parts), 4
    mean = parts.mean(0)
    # S: the mean squared distance from the mean, unbiased, of single samples.
    variance = size * ((parts - mean) ** 2).sum() / (n - 1)
    cosine = lambda a, b: a @ b / np.linalg.norm(a) / np.linalg.norm(b)
    active = np.array([0, 3, 100, 50, 7, 0, 100])
    p = active[active > 0] / active.sum()
    return {
        "parts": parts,
        "variance": [variance],
        "gradient": [(mean**2).sum() - variance / (n * size)],
        "successive": [cosine(a, b) for a, b in zip(parts, parts[1:])],
        "with mean": [cosine(a, mean) for a in parts],
        "effective": [np.exp(-(p * np.log(p)).sum())],
    }


def band():
    from scipy import stats

    runs = [scattered(40)[::k] + k for k in (1, 2, 3, 5)]
    steps = [np.arange(40)[::k].astype(float) for k in (1, 2, 3, 5)]
    out = {}
    for step in (0, 7, 20.5, 35, 37, 38, 38.5, 39):
        values = [np.interp(step, s, r) for s, r in zip(steps, runs) if s[0] <= step <= s[-1]]
        n, mean = len(values), np.mean(values)
        deviation = np.std(values, ddof=1) if n > 1 else math.nan
        error = deviation / np.sqrt(n)
        low, high = stats.t.interval(0.95, n - 1, mean, error) if n > 1 else (math.nan, math.nan)
        out[step] = [n, mean, deviation, error, low, high, min(values), max(values)]
    return out


def interquartile():
    from scipy import stats

    x = scattered(60)
    tasks = [x[:10], x[10:30] * 3, x[30:]]
    rng = np.random.default_rng(1)
    # rliable's StratifiedBootstrap: scores are drawn within each task.
    means = [
        stats.trim_mean(np.concatenate([rng.choice(t, len(t)) for t in tasks]), 0.25)
        for _ in range(50_000)
    ]
    return {
        "mean": [stats.trim_mean(x[:n], 0.25) for n in (1, 3, 4, 7, 60)],
        "interval": [stats.trim_mean(np.concatenate(tasks), 0.25), *np.percentile(means, [2.5, 97.5])],
    }


TOPICS = [smoothing, outliers, distribution, gradient, band, interquartile]


def lines(path, value):
    if isinstance(value, dict):
        return [line for key, v in value.items() for line in lines(f"{path}/{key}", v)]
    numbers = " ".join(repr(float(v)) for v in np.ravel(np.asarray(value, dtype=float)))
    return [f"{path}: {numbers}"]


if __name__ == "__main__":
    path = pathlib.Path(__file__).with_name("references.txt")
    old = path.read_text().splitlines() if path.exists() else []
    for topic in TOPICS:
        name = topic.__name__
        if len(sys.argv) == 1 or name in sys.argv[1:]:
            old = [line for line in old if not line.startswith(name + "/")] + lines(name, topic())
    path.write_text("\n".join(old) + "\n")
