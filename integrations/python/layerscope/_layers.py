"""Statistics of layers from NumPy arrays, for Keras and JAX; the tags are those of ``layerscope.torch``."""

import numpy

from . import _values

BINS = 64


def norm(arrays):
    """L2 norm of all elements together."""
    return float(numpy.sqrt(sum(float(numpy.sum(numpy.square(a, dtype="float64"))) for a in arrays)))


def together(arrays):
    """All elements in a row."""
    return numpy.concatenate([numpy.asarray(a, "float64").reshape(-1) for a in arrays])


def send(run, step, weights=None, gradients=None, after=None, activations=None, histograms=True):
    """Sends what is given. Each is a dictionary from a layer's name to a list of arrays (``activations``:
    one array); ``after`` are the weights one update later."""
    numbers, counted = {}, []
    for layer, arrays in (weights or {}).items():
        size = norm(arrays)
        numbers[f"weights/{layer}/norm"] = size
        counted.append((f"weights/{layer}", together(arrays)))
        if after and layer in after:
            change = norm([numpy.asarray(b, "float64") - numpy.asarray(a, "float64")
                           for a, b in zip(arrays, after[layer])])
            numbers[f"updates/{layer}/ratio"] = change / size if size else float("nan")
    for layer, arrays in (gradients or {}).items():
        numbers[f"gradients/{layer}/norm"] = norm(arrays)
        counted.append((f"gradients/{layer}", together(arrays)))
    for layer, array in (activations or {}).items():
        array = numpy.asarray(array, "float64")
        numbers[f"activations/{layer}/mean"] = array.mean()
        numbers[f"activations/{layer}/std"] = array.std()
        numbers[f"activations/{layer}/zeros"] = (array == 0).mean()
        counted.append((f"activations/{layer}", array))
    run.log(numbers, step)
    if histograms:
        for tag, values in counted:
            run.histogram_of(tag, _values.histogram(values, BINS), step)
    return numbers
