"""Prints the reference numbers of tests/references.rs.

    python analyze_references.py      (NumPy 2.4, SciPy 1.17, scikit-learn 1.9)
"""

import numpy as np
from scipy import special, spatial, stats
from sklearn import metrics

# The same 1,000 float32 values as the test's `values()`.
i = np.arange(1000)
x = (((i * 7919) % 1009) / np.float32(100) - np.float32(3)).astype(np.float32)
x[::50] = 0
logits = x[:12]
w = special.softmax(logits.astype(np.float64))
show = lambda name, value: print(f"{name}: {np.asarray(value).tolist()}")

f = x.astype(np.float64)
show("histogram", np.histogram(f, 12)[0])
show("histogram 0..1", np.histogram(f, 10, (0, 1))[0])
edges = np.linspace(0, 1, 11).astype(np.float32).astype(np.float64)
show("histogram of its edges", np.histogram(edges, 10, (0, 1))[0])
show("quantile", np.quantile(f, [0, 0.005, 0.1, 0.25, 0.5, 0.9, 0.995, 1]))
show("moments", [f.mean(), f.var(), stats.skew(f), stats.kurtosis(f),
                 np.sqrt((f ** 2).mean()), f.min(), f.max(), (f == 0).sum()])
show("softmax", w)
show("log_softmax", special.log_softmax(logits.astype(np.float64)))
show("log_softmax far", special.log_softmax(np.array([1000.0, 0.0, -1000.0])))
show("entropy", stats.entropy(w))
show("entropy of weights", stats.entropy([1, 2, 3, 0]))
show("top_k", np.argsort(-x, kind="stable")[:6])
show("cosine", 1 - spatial.distance.cosine(f[:500], f[500:]))
labels, predicted = i % 4, (i * i // 3) % 4
show("confusion", metrics.confusion_matrix(labels, predicted))
show("accuracy", metrics.accuracy_score(labels, predicted))
show("balanced", metrics.balanced_accuracy_score(labels, predicted))
p, r, f1, _ = metrics.precision_recall_fscore_support(labels, predicted)
show("precision", p)
show("recall", r)
show("f1", f1)
