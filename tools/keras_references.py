"""Writes small random Keras models with an input and the outputs that Keras computes.

usage: keras_references.py FOLDER [FURTHER]

Needs the PyPI packages keras (3), jax and h5py. FOLDER gets, for each model, NAME.keras (or .h5)
and NAME.json with inputs and outputs; `src/compute/tests/foreign.rs` compares with them. Its folder
`hostile` gets files that must not open. FURTHER gets every model once more in the older HDF5
format, where weights are kept in another way.
"""

import json
import os
import pathlib
import sys
import zipfile

os.environ.setdefault("KERAS_BACKEND", "jax")

import h5py  # noqa: E402
import keras  # noqa: E402
import numpy as np  # noqa: E402
from keras import layers as L  # noqa: E402

random = np.random.default_rng(7)


def shake(model):
    """Gives every weight values that matter; variances stay positive."""
    for variable in model.weights:
        values = random.uniform(-0.8, 0.8, variable.shape)
        if "variance" in variable.path:
            values = random.uniform(0.5, 1.5, variable.shape)
        if variable.path.endswith("/count"):
            continue
        variable.assign(values.astype("float32"))
    for layer in model.layers:
        # Takes over the statistics, as loading does.
        if hasattr(layer, "finalize_state"):
            layer.finalize_state()
    return model


def branches(name, shape, layers):
    """One input that every layer reads on its own."""
    x = keras.Input(shape, name="x")
    return keras.Model(x, [layer(x) for layer in layers], name=name)


def conv2d():
    return branches("conv2d", (5, 4, 3), [
        L.Conv2D(4, 3),
        L.Conv2D(4, (3, 2), strides=(2, 1), padding="same", activation="relu", use_bias=False),
        L.Conv2D(4, 3, dilation_rate=2, padding="same", activation="softmax"),
        L.Conv2D(6, 2, groups=3, activation="relu6"),
        L.DepthwiseConv2D(3, depth_multiplier=2, padding="same", strides=2),
        L.SeparableConv2D(5, 3, depth_multiplier=2, activation="elu"),
        L.Conv2DTranspose(4, 3, strides=2, padding="same"),
        L.Conv2DTranspose(3, 2, strides=3),
        L.Conv2DTranspose(2, 3, strides=2),
        L.Conv2DTranspose(2, 4, strides=2, padding="same", activation="tanh"),
        L.Conv2DTranspose(2, 2, strides=3, padding="same"),
        L.Dense(4, activation="gelu"),
    ])


def conv1d():
    return branches("conv1d", (11, 4), [
        L.Conv1D(5, 3, activation="silu"),
        L.Conv1D(3, 3, padding="causal", dilation_rate=2),
        L.DepthwiseConv1D(3, depth_multiplier=2),
        L.SeparableConv1D(3, 3, padding="same"),
        L.Conv1DTranspose(3, 3, strides=2, padding="same"),
        L.MaxPooling1D(3, strides=2, padding="same"),
        L.AveragePooling1D(2),
        L.GlobalAveragePooling1D(),
        L.GlobalMaxPooling1D(keepdims=True),
        L.ZeroPadding1D((1, 2)),
        L.Cropping1D((1, 2)),
        L.UpSampling1D(2),
        L.BatchNormalization(),
    ])


def conv3d():
    return branches("conv3d", (3, 4, 3, 2), [
        L.Conv3D(3, 2, strides=(1, 2, 1)),
        L.Conv3D(2, 3, padding="same", activation="relu"),
        L.MaxPooling3D(2),
        L.MaxPooling3D(3, strides=2, padding="same"),
        L.AveragePooling3D(2),
        L.AveragePooling3D((3, 2, 2), strides=2, padding="same"),
        L.GlobalAveragePooling3D(),
        L.GlobalMaxPooling3D(),
        L.ZeroPadding3D((1, 0, 1)),
        L.Cropping3D(((1, 0), (0, 2), (1, 1))),
        L.UpSampling3D(2),
        L.Flatten(),
    ])


def space2d():
    return branches("space2d", (4, 5, 3), [
        L.MaxPooling2D(2),
        L.MaxPooling2D(3, strides=2, padding="same"),
        L.AveragePooling2D(3, strides=2, padding="same"),
        L.GlobalAveragePooling2D(),
        L.GlobalMaxPooling2D(keepdims=True),
        L.ZeroPadding2D(((1, 2), (0, 3))),
        L.Cropping2D(((1, 0), (2, 1))),
        L.UpSampling2D((2, 3)),
        L.UpSampling2D(2, interpolation="bilinear"),
        L.UpSampling2D(2, interpolation="bicubic"),
        L.Resizing(9, 5),
        L.Resizing(3, 10, interpolation="nearest"),
        L.Permute((2, 3, 1)),
        L.Reshape((10, -1)),
        L.Flatten(),
    ])


def norms():
    return branches("norms", (4, 3, 6), [
        L.BatchNormalization(),
        L.BatchNormalization(scale=False, center=False, epsilon=0.01),
        L.BatchNormalization(axis=1),
        L.LayerNormalization(),
        L.LayerNormalization(axis=[1, 2, 3], epsilon=1e-5),
        L.LayerNormalization(scale=False),
        L.RMSNormalization(),
        L.GroupNormalization(3),
        L.GroupNormalization(groups=-1, center=False),
        L.UnitNormalization(),
        L.Rescaling(1 / 127.5, -1),
        L.Rescaling([0.5, 1.0, 2.0, 3.0, 4.0, 5.0]),
        L.Normalization(),
        L.Normalization(mean=0.25, variance=4.0, axis=None),
        L.PReLU(shared_axes=[1, 2]),
        L.PReLU(),
        L.Softmax(axis=1),
        L.Activation("softmax"),
        L.SpatialDropout2D(0.3),
    ])


ACTIVATIONS = (
    "linear relu relu6 leaky_relu elu selu celu gelu sigmoid hard_sigmoid silu hard_silu mish tanh "
    "hard_tanh softplus softsign softmax log_softmax exponential tanh_shrink soft_shrink hard_shrink "
    "log_sigmoid sparse_plus squareplus glu"
).split()


def activations():
    layers = [L.Dense(4, activation=a, name=f"dense_{a}") for a in ACTIVATIONS]
    layers += [
        L.ReLU(max_value=0.5), L.ReLU(negative_slope=0.1), L.ReLU(threshold=0.2), L.LeakyReLU(0.15),
        L.ELU(0.7), L.Softmax(), L.PReLU(), L.Dropout(0.5), L.GaussianNoise(0.1), L.RepeatVector(3),
        L.Reshape((3, 2)), L.Activation("swish"), L.BatchNormalization(),
    ]
    return branches("activations", (6,), layers)


def merge():
    a, b = keras.Input((4, 3, 2), name="a"), keras.Input((4, 3, 2), name="b")
    outputs = [join([a, b]) for join in (
        L.Add(), L.Subtract(), L.Multiply(), L.Average(), L.Maximum(), L.Minimum(), L.Concatenate(),
        L.Concatenate(axis=1), L.Concatenate(axis=2))]
    outputs += [L.Add()([a, b, a]), L.Multiply()([a, b, a])]
    squeezed = L.GlobalAveragePooling2D(keepdims=True)(a)
    outputs.append(L.Multiply()([a, squeezed]))
    u, v = L.GlobalAveragePooling2D()(a), L.GlobalMaxPooling2D()(b)
    outputs += [L.Dot(1)([u, v]), L.Concatenate()([u, v])]
    s, t = L.Reshape((12, 2))(a), L.Reshape((12, 2))(b)
    outputs += [L.Dot((2, 2))([s, t]), L.Dot((1, 1))([s, t])]
    outputs += [a * 2.0 + b, 1.0 - a]
    f, g = L.Flatten()(L.Conv2D(2, 2)(a)), L.Flatten()(L.Conv2D(2, 2)(b))
    outputs += [L.Dense(3)(L.Add()([f, g])), L.Dense(3)(L.Concatenate()([f, g])), L.Reshape((6, 2))(f)]
    return keras.Model([a, b], outputs, name="merge")


def recurrent():
    x = keras.Input((6, 3), name="x")
    layers = [
        L.SimpleRNN(4), L.SimpleRNN(4, return_sequences=True, activation="relu"), L.LSTM(4),
        L.LSTM(3, return_sequences=True, use_bias=False), L.LSTM(3, return_sequences=True, go_backwards=True),
        L.GRU(4), L.GRU(3, reset_after=False, return_sequences=True), L.Bidirectional(L.LSTM(3)),
        L.Bidirectional(L.GRU(3, return_sequences=True), merge_mode="sum"),
        L.Bidirectional(L.LSTM(2, return_sequences=True)), L.Bidirectional(L.SimpleRNN(2), merge_mode="ave"),
        L.TimeDistributed(L.Dense(2, activation="relu")),
    ]
    outputs = [layer(x) for layer in layers]
    y, h, c = L.LSTM(3, return_sequences=True, return_state=True)(x)
    outputs += [y, h, c, L.LSTM(3)(x, initial_state=[h, c]), L.GRU(3)(y, initial_state=h)]
    return keras.Model(x, outputs, name="recurrent")


def attention():
    tokens = keras.Input((7,), dtype="int32", name="tokens")
    x = L.Embedding(11, 6)(tokens)
    y = L.MultiHeadAttention(2, 3)(x, x)
    y = L.LayerNormalization()(L.Add()([x, y]))
    causal = L.MultiHeadAttention(3, 2, use_bias=False)(y, x, use_causal_mask=True)
    other = L.MultiHeadAttention(1, 4)(query=y, value=x, key=causal)
    dense = L.EinsumDense("abc,cd->abd", output_shape=(None, 5), bias_axes="d", activation="relu")(y)
    pooled = L.GlobalAveragePooling1D()(dense)
    return keras.Model(tokens, [y, causal, other, dense, L.Dense(3, activation="softmax")(pooled)], name="attention")


def nested():
    x = keras.Input((6, 6, 2), name="x")
    block = keras.Sequential([
        L.Input((6, 6, 2)), L.Conv2D(2, 3, padding="same", name="conv"), L.BatchNormalization(), L.ReLU(),
    ], name="block")
    i = keras.Input((6, 6, 2))
    j = L.Conv2D(2, 1, name="conv")(i)
    inner = keras.Model(i, [L.Add()([i, j]), L.Concatenate()([block(i), j])], name="inner")
    once, wide = inner(x)
    twice, _ = inner(block(once))
    shared = L.Dense(3, activation="relu", name="shared")
    flat = L.Flatten()(twice)
    p, q = shared(L.GlobalAveragePooling2D()(wide)), shared(L.GlobalMaxPooling2D()(wide))
    frames = L.Reshape((3, 2, 6, 2))(x)
    seen = L.TimeDistributed(L.Conv2D(3, 2, activation="tanh"))(frames)
    return keras.Model(x, [p, q, L.Dense(4)(flat), twice, seen], name="nested")


def chain():
    return keras.Sequential([
        L.Input((8, 8, 3)), L.Conv2D(4, 3, padding="same", activation="relu"), L.BatchNormalization(),
        L.MaxPooling2D(), L.Flatten(), L.Dropout(0.2), L.Dense(5, activation="softmax"),
    ], name="chain")


def write(model, path):
    model.save(path)
    if path.suffix != ".keras":
        return
    # HDF5 is mostly padding: packed, a reference has a few kilobytes.
    with zipfile.ZipFile(path) as source:
        members = {name: source.read(name) for name in source.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as target:
        for name, content in members.items():
            if name == "metadata.json":
                content = json.dumps({"keras_version": keras.__version__}).encode()
            target.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)


def array(values):
    values = np.asarray(values)
    flat = [float(f"{v:.6g}") if values.dtype.kind == "f" else int(v) for v in values.flatten()]
    return {"shape": list(values.shape), "values": flat}


def hostile(folder):
    """A model whose only kernel is a link to another file, kept in another file, or far too large."""
    config = {"class_name": "Sequential", "config": {"name": "s", "layers": [
        {"class_name": "InputLayer", "config": {"name": "x", "batch_shape": [None, 4]}},
        {"class_name": "Dense", "config": {"name": "d", "units": 2}}]}}

    def link(group):
        group["kernel"] = h5py.ExternalLink("/etc/passwd", "/x")

    def data(group):
        group.create_dataset("kernel", shape=(4, 2), dtype="f4", external=[("/etc/passwd", 0, 32)])

    def huge(group):
        size, chunk = (1 << 20, 1 << 20), (1 << 10, 1 << 10)
        group.create_dataset("kernel", shape=size, dtype="f4", chunks=chunk, compression="gzip")

    folder.mkdir(exist_ok=True)
    for make in (link, data, huge):
        with h5py.File(folder / f"{make.__name__}.h5", "w") as file:
            file.attrs["model_config"] = json.dumps(config)
            group = file.create_group("model_weights/d")
            group.attrs["weight_names"] = [b"kernel", b"bias"]
            make(group)
    with h5py.File(folder / "other.h5", "w") as file:
        file.attrs["title"] = "nothing"


def main():
    folder = pathlib.Path(sys.argv[1])
    further = pathlib.Path(sys.argv[2]) if len(sys.argv) > 2 else None
    hostile(folder / "hostile")
    for make in (conv2d, conv1d, conv3d, space2d, norms, activations, merge, recurrent, attention, nested, chain):
        model = shake(make())
        inputs = {}
        for tensor in model.inputs:
            shape = (2,) + tuple(tensor.shape[1:])
            whole = "int" in str(tensor.dtype)
            inputs[tensor.name] = random.integers(0, 11, shape) if whole else random.uniform(-1, 1, shape).astype("f4")
        outputs = model(list(inputs.values()) if len(inputs) > 1 else next(iter(inputs.values())))
        outputs = outputs if isinstance(outputs, (list, tuple)) else [outputs]
        record = {"inputs": {n: array(v) for n, v in inputs.items()}, "outputs": [array(v) for v in outputs]}
        text = json.dumps(record, separators=(",", ":")) + "\n"
        name = model.name
        suffix = ".h5" if make is chain else ".keras"
        write(model, folder / f"{name}{suffix}")
        (folder / f"{name}.json").write_text(text)
        if further:
            write(model, further / f"{name}.{'keras' if make is chain else 'h5'}")
            (further / f"{name}.json").write_text(text)


main()
