"""Writes references.txt beside itself: what the reference packages answer, one line a result.

    python references.py [TOPIC...]

The numbers were made by NumPy 2.4, SciPy 1.17, pandas 3.1, scikit-learn 1.9, powerlaw 2.0,
TensorBoard 2.21 (without its dependencies), Keras 3 and pymannkendall 1.4; each topic imports what
it needs.
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


def uniform(seed, n):
    """The same numbers as `Uniform` in main.rs, to the last bit (splitmix64)."""
    mask, out = 2**64 - 1, []
    for _ in range(n):
        seed = (seed + 0x9E3779B97F4A7C15) & mask
        z = seed
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
        out.append(((z ^ (z >> 31)) >> 11) / 2**53)
    return np.array(out)


def normal(seed, n):
    u = uniform(seed, 2 * n).reshape(n, 2)
    return np.sqrt(-2 * np.log(1 - u[:, 0])) * np.cos(2 * np.pi * u[:, 1])


def spectrum():
    import powerlaw

    w = normal(3, 40 * 90).reshape(40, 90)
    w += np.outer(np.arange(40) / 9, np.sin(np.arange(90)))
    w = w.astype(np.float32).astype(float)
    s = np.linalg.svd(w, compute_uv=False)
    p = s / s.sum()
    random = {
        "values": s,
        "norms": [np.linalg.norm(w, 2), np.linalg.norm(w)],
        "ranks": [(s**2).sum() / s[0] ** 2, np.exp(-(p * np.log(p)).sum())],
        "edge": [w.std() * (np.sqrt(40) + np.sqrt(90))],
    }
    laws = {"eigenvalues": s**2}
    # A tail of exponent 2.5 from 1 on, over something else below.
    u = uniform(9, 800)
    laws["pareto"] = np.where(np.arange(800) % 4 == 0, u + 0.01, (1 - u) ** (-1 / 1.5))
    laws["ties"] = np.round(laws["pareto"], 1) + 0.1
    fits = {}
    for name, data in laws.items():
        fit = powerlaw.Fit(data, verbose=False)
        fits[name] = [fit.power_law.alpha, fit.power_law.xmin, fit.power_law.D, fit.n_tail]
    return {**random, "law": fits}


def importance():
    from scipy import stats
    from sklearn.ensemble import RandomForestRegressor

    u = uniform(21, 300 * 5).reshape(300, 5)
    group = np.floor(u[:, 3] * 3)
    y = 10 * (u[:, 0] - 0.5) ** 2 + 2 * u[:, 1] + 1.0 * (group == 2) + 0.1 * u[:, 4]
    x = np.column_stack([u[:, :3], group == 0, group == 1, group == 2])
    forest = RandomForestRegressor(300, oob_score=True, random_state=0).fit(x, y)
    shares = forest.feature_importances_
    # Permutation importance; the columns of the category move together.
    rng, fitted, falls = np.random.default_rng(0), forest.score(x, y), []
    for own in ([0], [1], [2], [3, 4, 5]):
        scores = []
        for _ in range(20):
            shuffled, order = x.copy(), rng.permutation(300)
            shuffled[:, own] = x[order][:, own]
            scores.append(forest.score(shuffled, y))
        falls.append(fitted - np.mean(scores))
    out = {
        "shares": [*shares[:3], shares[3:].sum()],
        "falls": falls,
        "explained": [forest.oob_score_],
    }
    ties = np.round(u[:, 1] * 5)
    tests = [(u[:, 0], y), (u[:, 1], y), (ties, y), (u[:7, 2], y[:7]), (ties[:4], y[:4])]
    out["spearman"] = [v for a, b in tests for v in stats.spearmanr(a, b)]
    return out


def keras_early_stopping():
    """Keras' callback from its own file; the package itself wants a framework to compute with."""
    import importlib.metadata
    import importlib.util
    import types

    import numpy

    def load(name):
        files = importlib.metadata.files("keras")
        path = next(f for f in files if str(f) == f"keras/src/callbacks/{name}.py").locate()
        spec = importlib.util.spec_from_file_location(f"keras.src.callbacks.{name}", path)
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module
        spec.loader.exec_module(module)
        return module

    def stub(name, **content):
        module = types.ModuleType(name)
        module.__dict__.update(content)
        sys.modules[name] = module

    for name in ("keras", "keras.src", "keras.src.callbacks"):
        stub(name)
    stub("keras.src.ops", less=numpy.less, greater=numpy.greater)
    sys.modules["keras.src"].ops = sys.modules["keras.src.ops"]
    stub("keras.src.callbacks.callback", Callback=object)
    stub("keras.src.trainers", compile_utils=None)
    stub("keras.src.api_export", keras_export=lambda *_: lambda c: c)
    stub("keras.src.utils", io_utils=None)
    load("monitor_callback")
    return load("early_stopping").EarlyStopping


def stopping():
    import types

    EarlyStopping = keras_early_stopping()
    out = {}
    for seed in range(12):
        for mode in ("min", "max"):
            for patience, delta in ((0, 0), (3, 0), (5, 0.02), (2, -0.05), (25, 0)):
                u, values = list(uniform(seed, 60)), []
                for i in range(30):
                    v = 1 / (i + 1) + 0.3 * u.pop(0)
                    values.append(math.nan if v > 0.5 and u.pop(0) < 0.1 else v)
                callback = EarlyStopping("x", delta, patience, mode=mode)
                callback.model = types.SimpleNamespace(stop_training=False)
                callback.on_train_begin()
                stopped = -1
                if math.isnan(values[0]):
                    continue
                for epoch, value in enumerate(values):
                    callback.on_epoch_end(epoch, {"x": value})
                    if callback.model.stop_training:
                        stopped = epoch
                        break
                out[f"{mode} {seed} {patience} {delta}"] = [callback.best_epoch, stopped]
    return out


def trend():
    import pymannkendall

    out = {}
    for n, slope in ((5, 0), (12, -1.5), (40, 0), (40, -0.2), (300, 0.02)):
        values = np.round(scattered(n) * 4) + slope * np.arange(n)
        test = pymannkendall.original_test(values)
        out[f"{n} {slope}"] = [test.z, test.p, test.slope]
    return out


def trained(epochs, samples, wrong=0.0, hidden=64, batch=32, **options):
    """Losses by epoch of scikit-learn's perceptron on its digits: training, validation."""
    from sklearn.datasets import load_digits
    from sklearn.metrics import log_loss
    from sklearn.neural_network import MLPClassifier

    x, y = load_digits(return_X_y=True)
    rng, digits = np.random.default_rng(0), np.arange(10)
    order = rng.permutation(len(x))
    x, y = x[order] / 16, y[order]
    labels = np.where(rng.random(samples) < wrong, rng.integers(0, 10, samples), y[:samples])
    net = MLPClassifier((hidden,), batch_size=batch, random_state=0, **options)
    losses = ([], [])
    for _ in range(epochs):
        p = rng.permutation(samples)
        net.partial_fit(x[p], labels[p], classes=digits)
        for k, (a, b) in enumerate(((x[:samples], labels), (x[1200:], y[1200:]))):
            losses[k].append(float(f"{log_loss(b, net.predict_proba(a), labels=digits):.4g}"))
    return losses


def real():
    """Small trainings with and without faults; the names say what a person sees."""
    import warnings

    warnings.filterwarnings("ignore")
    whole = dict(samples=1200, batch=1200, solver="sgd", momentum=0.0, alpha=0)
    runs = {
        "overfits": dict(epochs=100, samples=300, wrong=0.2, hidden=128, learning_rate_init=0.003),
        "overfits at once": dict(epochs=40, samples=300, wrong=0.3, hidden=256, learning_rate_init=0.01),
        "settles": dict(epochs=100, samples=1200, alpha=3.0, learning_rate_init=0.003),
        "memorises without harm": dict(epochs=60, samples=100, alpha=0, learning_rate_init=0.02),
        "still learns": dict(epochs=40, samples=1200, solver="sgd", learning_rate_init=0.003),
        "still learns slowly": dict(epochs=100, samples=1200, solver="sgd", learning_rate_init=3e-4),
        "still learns evenly": dict(epochs=120, learning_rate_init=0.3, **whole),
        "bursts": dict(epochs=120, learning_rate_init=1.0, **whole),
        "bursts more": dict(epochs=120, learning_rate_init=1.5, **whole),
        "never learns": dict(epochs=40, samples=1200, solver="sgd", learning_rate_init=2.0),
    }
    out = {}
    for name, options in runs.items():
        out[f"{name} training"], out[f"{name} validation"] = trained(**options)
    # Linear regression by gradient descent, its rate just above what is stable.
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    x, target = x / 16, np.eye(10)[y]
    rate = 2.06 / np.linalg.eigvalsh(x.T @ x / len(x))[-1]
    w, losses = np.random.default_rng(0).normal(0, 0.1, (64, 10)), []
    for _ in range(60):
        rest = x @ w - target
        losses.append(float(f"{(rest**2).sum(1).mean():.4g}"))
        w -= rate * (x.T @ rest) / len(x)
    out["diverges training"] = out["diverges validation"] = losses
    return out


TOPICS = [smoothing, outliers, distribution, gradient, band, interquartile, spectrum, importance, stopping, trend, real]


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
