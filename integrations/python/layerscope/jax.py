"""JAX: statistics of pytrees of parameters and gradients.

    layerscope.jax.send(run, step, params, gradients, after=new_params, activations={"hidden": h})

A layer is a path in the tree without its last key, so that ``{"dense": {"w": ..., "b": ...}}`` and
``[(w, b), ...]`` have one layer for each pair. The tags are those of ``layerscope.torch``.
"""

import jax
import numpy

from . import _layers


def layers(tree):
    """The arrays of a pytree by layer."""
    found = {}
    leaves, _ = jax.tree_util.tree_flatten_with_path(tree)
    for path, leaf in leaves:
        keys = [_key(k) for k in path]
        layer = "/".join(keys[:-1] or keys or ["model"])
        found.setdefault(layer, []).append(numpy.asarray(leaf))
    return found


def _key(key):
    for attribute in ("key", "idx", "name"):
        if hasattr(key, attribute):
            return str(getattr(key, attribute)).replace("/", ".")
    return str(key)


def send(run, step, params=None, gradients=None, after=None, activations=None, histograms=True):
    """Sends statistics of what is given: pytrees, but for ``activations``, a dictionary of arrays by
    layer. ``after`` are the parameters one update later. Returns the numbers by tag."""
    parts = [None if tree is None else layers(tree) for tree in (params, gradients, after)]
    return _layers.send(run, step, *parts, activations, histograms)
