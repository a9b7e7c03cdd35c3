"""Numbers and arrays as the protocol has them. NumPy, PyTorch and JAX are recognised, not imported."""

import base64
import json
import math
import struct
import sys

NAMES = {"float": "float32", "double": "float64", "half": "float16"}


def number(value):
    """``value`` as JSON can carry it: NaN and infinities are texts."""
    value = float(value)
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")


def dumps(record):
    """A record as one line."""
    return json.dumps(record, separators=(",", ":"), allow_nan=False).encode()


def _numpy(values):
    """``values`` as a NumPy array where that is possible without loss, else ``None``."""
    numpy = sys.modules.get("numpy")
    if hasattr(values, "detach"):
        values = values.detach().cpu()
        if str(values.dtype) == "torch.bfloat16" or numpy is None:
            return None
        values = values.numpy()
    elif numpy is None:
        if not hasattr(values, "__array__"):
            return None
        import numpy
    array = numpy.asarray(values)
    if array.dtype.hasobject or array.dtype.kind not in "fiub":
        return None
    return array


def floats(values):
    """All elements as a flat list or NumPy array of floats."""
    array = _numpy(values)
    if array is not None:
        return array.reshape(-1).astype("float64")
    if hasattr(values, "detach"):
        values = values.detach().float().cpu().reshape(-1).tolist()
    flat = []
    _flatten(values, flat)
    return [float(v) for v in flat]


def _flatten(values, into):
    if isinstance(values, (list, tuple)):
        for value in values:
            _flatten(value, into)
    else:
        into.append(values)


def _shape(values):
    shape = []
    while isinstance(values, (list, tuple)):
        shape.append(len(values))
        if not values:
            break
        values = values[0]
    return shape


def array(values):
    """``(dtype, shape, little-endian bytes)``: a copy, so that training may go on."""
    found = _numpy(values)
    if found is not None:
        kept = found.astype(found.dtype.newbyteorder("<"), order="C", copy=True)
        return kept.dtype.name, list(found.shape), kept.tobytes()
    if hasattr(values, "detach"):
        values = values.detach().float().cpu().contiguous()
        flat = values.reshape(-1).tolist()
        return "float32", list(values.shape), struct.pack(f"<{len(flat)}f", *flat)
    if hasattr(values, "tolist"):
        values = values.tolist()
    shape, flat = _shape(values), []
    _flatten(values, flat)
    if math.prod(shape) != len(flat):
        raise ValueError("rows of equal length are expected")
    return "float32", shape, struct.pack(f"<{len(flat)}f", *flat)


def encoded(data):
    """Bytes in base64."""
    return base64.b64encode(data).decode()


def npy(dtype, shape, data):
    """The bytes of a ``.npy`` file, or ``None`` for types that it does not have."""
    codes = {
        "float64": "<f8", "float32": "<f4", "float16": "<f2", "int64": "<i8", "int32": "<i4", "int16": "<i2",
        "int8": "|i1", "uint64": "<u8", "uint32": "<u4", "uint16": "<u2", "uint8": "|u1", "bool": "|b1",
    }
    if dtype not in codes:
        return None
    sizes = "".join(f"{n}, " for n in shape)
    head = f"{{'descr': '{codes[dtype]}', 'fortran_order': False, 'shape': ({sizes}), }}"
    head += " " * (-(len(head) + 11) % 64) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head.encode() + data


def histogram(values, bins):
    """Fields of a histogram of the finite values; equal buckets between the smallest and the largest."""
    values = floats(values)
    numpy = sys.modules.get("numpy")
    if numpy is not None and isinstance(values, numpy.ndarray):
        values = values[numpy.isfinite(values)]
        if values.size == 0:
            return empty()
        counts, edges = numpy.histogram(values, bins=bins)
        total, squares = values.sum(), (values * values).sum()
        return fields(values.min(), values.max(), total, squares, counts.tolist(), edges.tolist())
    values = [v for v in values if math.isfinite(v)]
    if not values:
        return empty()
    low, high = min(values), max(values)
    width = (high - low) / bins
    counts = [0] * bins
    for v in values:
        counts[min(int((v - low) / width), bins - 1) if width > 0 else 0] += 1
    edges = [low + i * width for i in range(bins)] + [high]
    return fields(low, high, sum(values), sum(v * v for v in values), counts, edges)


def fields(low, high, total, squares, counts, edges):
    """A histogram as the protocol has it."""
    return {
        "min": number(low),
        "max": number(high),
        "count": sum(counts),
        "sum": number(total),
        "squares": number(squares),
        "buckets": [[a, b, n] for a, b, n in zip(edges, edges[1:], counts)],
    }


def empty():
    """The histogram of no values."""
    return {"min": "NaN", "max": "NaN", "count": 0, "sum": 0, "squares": 0, "buckets": []}
