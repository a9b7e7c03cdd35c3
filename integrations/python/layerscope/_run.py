"""A run, as training code sees it."""

import atexit
import os
import threading
import time

from . import _values
from ._send import Sender


class Run:
    """A training run whose records go to ``layerscope serve``.

    name: where it stands among others; ``/`` makes groups, as ``sweep/3``.
    url, token: what ``layerscope serve`` printed; ``LAYERSCOPE_URL`` and ``LAYERSCOPE_TOKEN`` by default.
    queue: records that may wait in memory. When so many wait, ``log`` waits for ``patience`` seconds
        at most; what finds no place then is lost, and said to be.
    interval: seconds between sendings.
    spool: folder for what the server does not take at the moment; it is sent later, in order.
    spool_bytes: what may lie there at most.

    Everything is thread-safe. ``close`` (also at exit, and at the end of ``with``) sends what is left.
    """

    def __init__(self, name, url=None, token=None, *, queue=10_000, patience=1.0, interval=0.5, spool=None,
                 spool_bytes=1 << 30):
        url = url or os.environ.get("LAYERSCOPE_URL")
        token = token or os.environ.get("LAYERSCOPE_TOKEN")
        if not url or not token:
            raise ValueError("url and token are expected, or LAYERSCOPE_URL and LAYERSCOPE_TOKEN: "
                             "layerscope serve prints them")
        self.name = name
        self._sender = Sender(name, url, token, queue, patience, interval, spool, spool_bytes)
        self._step = 0
        self._process = os.getpid()
        self._lock = threading.Lock()
        atexit.register(self.close)

    @property
    def lost(self):
        """Number of records that reached neither the server nor the spool."""
        return self._sender.lost

    @property
    def spool_file(self):
        """Path of what is still to be sent, or ``None``."""
        return self._sender.spool_file

    def log(self, values, step=None):
        """Numbers by tag at a step; without ``step``, one after the largest so far."""
        step, wall = self._at(step), time.time()
        self._put([{"scalar": str(tag), "step": step, "wall": wall, "value": _values.number(value)}
                   for tag, value in values.items()])

    def histogram(self, tag, values, step=None, bins=64):
        """The distribution of an array's finite values."""
        self.histogram_of(tag, _values.histogram(values, bins), step)

    def histogram_of(self, tag, fields, step=None):
        """A distribution that was counted already: ``{"min", "max", "buckets": [[left, right, count]]}``."""
        self._put([{"histogram": tag, "step": self._at(step), "wall": time.time(), **fields}])

    def tensor(self, tag, values, step=None, kind=None):
        """An array; ``kind`` is ``weights``, ``gradients``, ``activations`` or ``embedding``."""
        dtype, shape, data = _values.array(values)
        record = {"tensor": tag, "step": self._at(step), "wall": time.time(), "dtype": dtype, "shape": shape}
        if kind is not None:
            record["kind"] = kind
        self._put([record], data)

    def text(self, tag, text, step=None):
        """A text, often Markdown."""
        self._put([{"text": tag, "step": self._at(step), "wall": time.time(), "value": str(text)}])

    def image(self, tag, encoded, step=None):
        """A picture: the bytes of a PNG, JPEG or GIF, or the path of such a file."""
        if not isinstance(encoded, (bytes, bytearray)):
            with open(encoded, "rb") as file:
                encoded = file.read()
        self._put([{"image": tag, "step": self._at(step), "wall": time.time()}], bytes(encoded))

    def config(self, settings):
        """Hyperparameters by name; nested dictionaries become names with dots."""
        flat = {}

        def add(prefix, values):
            for key, value in values.items():
                name = f"{prefix}{key}"
                if isinstance(value, dict):
                    add(name + ".", value)
                elif isinstance(value, (bool, str)):
                    flat[name] = value
                elif isinstance(value, (int, float)):
                    # The protocol's numbers are finite; others are told as texts.
                    flat[name] = _values.number(value) if isinstance(value, float) else value
                else:
                    flat[name] = str(value)

        add("", settings)
        self._put([{"hyperparameters": flat}])

    def mark(self, text, step=None, kind="intervention"):
        """Something that happened: an ``intervention``, ``checkpoint``, ``restart`` or ``problem``."""
        self._put([{"mark": text, "kind": kind, "step": self._at(step), "wall": time.time()}])

    def flush(self, timeout=30.0):
        """Waits until everything so far is acknowledged or spooled; ``False`` where time ran out."""
        return self._sender.flush(timeout)

    def close(self, timeout=30.0):
        """Sends what is left, says on standard error what could not be sent, and ends."""
        if os.getpid() == self._process:
            atexit.unregister(self.close)
            self._sender.close(timeout)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _at(self, step):
        with self._lock:
            step = self._step + 1 if step is None else int(step)
            self._step = step
            return step

    def _put(self, records, data=None):
        # A forked process (a data loader's worker) has no sending thread.
        if os.getpid() != self._process:
            raise RuntimeError("this run was opened by another process; open one here")
        for record in records:
            self._sender.put(record, data)
