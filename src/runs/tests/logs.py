"""Writes logs with TensorBoard's and tensorboardX's own writers, and says what TensorBoard reads.

    logs.py write FOLDER [EVENTS]     logs in every form, old and new
    logs.py read FOLDER               what TensorBoard's accumulator finds, as JSON
    logs.py parquet FOLDER            tables as pandas, pyarrow and polars write them
"""

import json
import math
import os
import struct
import sys
import zlib

import numpy as np


def png(width, height, shade):
    """A grey picture."""
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    rows = b"".join(b"\0" + bytes([(shade + x + y) % 256 for x in range(width)]) for y in range(height))
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    parts = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


def write_old(folder, events):
    """tensorboardX: simple values, HistogramProto, text, hyperparameters, several files."""
    from tensorboardX import SummaryWriter
    rng = np.random.default_rng(1)
    writer = SummaryWriter(folder)
    for step in range(events):
        wall = 1.7e9 + 0.25 * step
        writer.add_scalar("loss/train", 1.0 / (1 + step), step, walltime=wall)
        writer.add_scalar("loss/val", float(rng.normal()), step, walltime=wall)
        if step % 10 == 0:
            writer.add_scalar("rare", float("nan") if step else -math.inf, step, walltime=wall)
            writer.add_histogram("weights", rng.normal(size=200), step, walltime=wall)
            writer.add_text("note", f"step {step}: *fine* \u00e9", step, walltime=wall)
    writer.add_histogram("zeros", np.zeros(5), 3, walltime=1.7e9)
    writer.close()
    with SummaryWriter(folder, filename_suffix=".again") as writer:
        for step in range(events // 2, events):
            writer.add_scalar("loss/train", 0.5, step, walltime=1.8e9 + step)
    with SummaryWriter(os.path.join(folder, "trial")) as writer:
        writer.add_hparams({"lr": 0.1, "name": "sgd", "nesterov": True}, {"score": 0.75}, name="t", global_step=2)


def write_new(folder, events):
    """TensorBoard: tensors with plugins, all element types of scalars."""
    from tensorboard.compat.proto import event_pb2, summary_pb2
    from tensorboard.plugins.histogram import metadata as histogram
    from tensorboard.plugins.hparams import plugin_data_pb2
    from tensorboard.plugins.hparams import metadata as hparams
    from tensorboard.plugins.image import metadata as image
    from tensorboard.plugins.scalar import metadata as scalar
    from tensorboard.plugins.text import metadata as text
    from tensorboard.summary.writer.event_file_writer import EventFileWriter
    from tensorboard.util import tensor_util
    writer = EventFileWriter(folder)

    def add(tag, metadata, value, step, wall):
        tensor = value
        if not hasattr(value, "SerializeToString"):
            tensor = tensor_util.make_tensor_proto(value)
        item = summary_pb2.Summary.Value(tag=tag, tensor=tensor)
        if metadata is not None:
            item.metadata.CopyFrom(metadata)
        event = event_pb2.Event(wall_time=wall, step=step)
        event.summary.value.append(item)
        writer.add_event(event)

    scalars = scalar.create_summary_metadata("", "")
    rng = np.random.default_rng(2)
    for step in range(events):
        wall = 1.7e9 + 0.5 * step
        add("loss", scalars, np.float32(1.0 / (1 + step)), step, wall)
        # Only the first has its metadata, as files have that TensorBoard itself copied.
        add("accuracy", None if step else scalars, np.float32(step / events), step, wall)
        if step % 20 == 0:
            add("double", scalars, np.float64(math.pi * step), step, wall)
            add("half", scalars, np.float16(step), step, wall)
            add("int", scalars, np.int64(-step), step, wall)
            edges = np.sort(rng.normal(size=6))
            rows = np.stack([edges[:-1], edges[1:], np.arange(5)], axis=1)
            add("h", histogram.create_summary_metadata("", ""), rows, step, wall)
            add("t", text.create_summary_metadata("", ""), np.array([b"one", b"two"], dtype=object), step, wall)
            add("table", text.create_summary_metadata("", ""), np.array([[b"a", b"b"], [b"c", b"d"]], dtype=object), step, wall)
            pictures = [b"4", b"3", png(4, 3, step), png(4, 3, step + 9)]
            add("i", image.create_summary_metadata("", ""), np.array(pictures, dtype=object), step, wall)
            add("matrix", None, rng.normal(size=(2, 3)).astype(np.float32), step, wall)
    info = plugin_data_pb2.SessionStartInfo(start_time_secs=1.7e9)
    info.hparams["depth"].number_value = 3
    info.hparams["optimizer"].string_value = "adam"
    info.hparams["bias"].bool_value = False
    data = plugin_data_pb2.HParamsPluginData(session_start_info=info)
    add("_hparams_/session_start_info", hparams.create_summary_metadata(data), hparams.NULL_TENSOR, 0, 1.7e9)
    # Old images, several values in one summary.
    summary = summary_pb2.Summary()
    summary.value.add(tag="many/a", simple_value=1.5)
    summary.value.add(tag="many/b", simple_value=2.5)
    summary.value.add(tag="old/image", image=summary_pb2.Summary.Image(height=3, width=4, colorspace=1, encoded_image_string=png(4, 3, 7)))
    writer.add_event(event_pb2.Event(wall_time=1.7e9, step=5, summary=summary))
    writer.close()


def read(folder):
    from tensorboard.backend.event_processing import plugin_event_accumulator as accumulator
    from tensorboard.plugins.hparams import metadata as hparams
    from tensorboard.util import tensor_util
    keep = {name: 0 for name in ["scalars", "histograms", "images", "text", "hparams", "", "audio"]}
    runs = {}
    for place, _, files in os.walk(folder):
        if not any("tfevents" in name for name in files):
            continue
        loader = accumulator.EventAccumulator(place, size_guidance={"tensors": 0, "scalars": 0}, tensor_size_guidance=keep, purge_orphaned_data=False)
        loader.Reload()
        found = {}
        for tag in loader.Tags()["tensors"]:
            plugin = getattr(loader.summary_metadata.get(tag), "plugin_data", None)
            kind = getattr(plugin, "plugin_name", "")
            rows = []
            for event in loader.Tensors(tag):
                array = tensor_util.make_ndarray(event.tensor_proto)
                if kind == "scalars":
                    value = number(array.item())
                elif kind == "images":
                    value = [v.hex() for v in array.tolist()]
                elif kind == "hparams":
                    start = hparams.parse_session_start_info_plugin_data(plugin.content) if "start" in tag else None
                    value = {k: getattr(v, v.WhichOneof("kind")) for k, v in start.hparams.items()} if start else None
                elif array.dtype == object:
                    value = [v.decode() for v in array.flatten().tolist()]
                else:
                    value = {"shape": list(array.shape), "values": [number(v) for v in array.flatten().tolist()]}
                rows.append([event.step, number(event.wall_time), value])
            found.setdefault(kind or "tensors", {})[tag] = rows
        name = os.path.relpath(place, folder)
        runs[name] = found
    return runs


def write_parquet(folder):
    """The same 300 rows by each library, in its own types; loss is 1 / (1 + step), empty in each third row."""
    import datetime
    import decimal

    import pandas
    import polars
    import pyarrow
    import pyarrow.parquet
    steps = list(range(0, 3000, 10))
    loss = [None if i % 3 == 2 else 1 / (1 + step) for i, step in enumerate(steps)]
    start = datetime.datetime(2026, 1, 2, 3, 4, 5, 250000, tzinfo=datetime.timezone.utc)
    walls = [start + datetime.timedelta(seconds=i) for i in range(len(steps))]
    note = [f"row {i}" if i % 100 == 0 else None for i in range(len(steps))]
    frame = {"step": steps, "loss": loss, "wall_time": walls, "note": note}
    pandas.DataFrame(frame).set_index("step").to_parquet(os.path.join(folder, "pandas.parquet"), row_group_size=70)
    polars.DataFrame(frame).write_parquet(os.path.join(folder, "polars.parquet"), row_group_size=70)
    rows = len(steps)
    table = pyarrow.table({
        "step": pyarrow.array(steps, pyarrow.uint32()),
        "loss": pyarrow.array(loss, pyarrow.float64()),
        "single": pyarrow.array(loss, pyarrow.float32()),
        "half": pyarrow.array([0.5 * (i % 4) for i in range(rows)], pyarrow.float16()),
        "money": pyarrow.array([decimal.Decimal(i - 5) / 100 for i in range(rows)], pyarrow.decimal128(12, 2)),
        "good": pyarrow.array([i % 2 == 0 for i in range(rows)]),
        "large": pyarrow.array([2**64 - 1] * rows, pyarrow.uint64()),
        "wall_time": pyarrow.array(walls, pyarrow.timestamp("ns", "UTC")),
        "note": pyarrow.array(note).dictionary_encode(),
        "list": pyarrow.array([[1, 2]] * rows),
    })
    for name, options in {
        "gzip": {"compression": "gzip", "data_page_version": "2.0"},
        "lz4": {"compression": "lz4", "use_dictionary": False},
        "old": {"compression": "none", "use_deprecated_int96_timestamps": True, "version": "1.0"},
    }.items():
        path = os.path.join(folder, f"{name}.parquet")
        pyarrow.parquet.write_table(table, path, row_group_size=120, **options)


def number(value):
    """As text, which no reader of JSON rounds."""
    return repr(float(value))


if __name__ == "__main__":
    command, folder = sys.argv[1:3]
    if command == "write":
        events = int(sys.argv[3]) if len(sys.argv) > 3 else 40
        write_old(os.path.join(folder, "old"), events)
        write_new(os.path.join(folder, "new"), events)
    elif command == "parquet":
        write_parquet(folder)
    else:
        json.dump(read(folder), sys.stdout, indent=1)
