"""Sends what a training run records to ``layerscope serve``.

    run = layerscope.Run("mnist/first")          # LAYERSCOPE_URL and LAYERSCOPE_TOKEN say where
    run.config({"learning rate": 0.1})
    run.log({"loss": 0.5}, step=1)

Sending happens on a thread of its own; training waits for nothing but a bounded queue. For whole
models see ``layerscope.torch``, ``layerscope.keras`` and ``layerscope.jax``.
"""

from ._run import Run
from ._send import send_file

__all__ = ["Run", "send_file"]
