"""A small network on handwritten digits in plain JAX, seen by layerscope.

    LAYERSCOPE_URL=... LAYERSCOPE_TOKEN=... python jax_mlp.py [--epochs 6] [--every 20] [--name digits/jax]
"""

import argparse
import json

import digits
import jax
import jax.numpy as jnp
import numpy

import layerscope
import layerscope.jax

parser = argparse.ArgumentParser()
parser.add_argument("--epochs", type=int, default=6)
parser.add_argument("--every", type=int, default=20)
parser.add_argument("--name", default="digits/jax")
options = parser.parse_args()

(pixels, labels), test = digits.load()
x, y = numpy.array(pixels, "float32"), numpy.array(labels)
test_x, test_y = numpy.array(test[0], "float32"), numpy.array(test[1])


def initial(key, sizes):
    keys = jax.random.split(key, len(sizes) - 1)
    return {
        f"dense{i}": {"w": jax.random.normal(k, (a, b)) * (2 / a) ** 0.5, "b": jnp.zeros(b)}
        for i, (k, a, b) in enumerate(zip(keys, sizes, sizes[1:]))
    }


def forward(params, x):
    h0 = jax.nn.relu(x @ params["dense0"]["w"] + params["dense0"]["b"])
    h1 = jax.nn.relu(h0 @ params["dense1"]["w"] + params["dense1"]["b"])
    logits = h1 @ params["dense2"]["w"] + params["dense2"]["b"]
    return logits, {"dense0": h0, "dense1": h1, "dense2": logits}


def loss(params, x, y):
    logits, hidden = forward(params, x)
    chosen = jnp.take_along_axis(jax.nn.log_softmax(logits), y[:, None], 1)
    return -chosen.mean(), hidden


@jax.jit
def update(params, x, y):
    (value, hidden), gradients = jax.value_and_grad(loss, has_aux=True)(params, x, y)
    return value, hidden, gradients, jax.tree.map(lambda p, g: p - 0.2 * g, params, gradients)


params = initial(jax.random.PRNGKey(0), [64, 64, 32, 10])
shuffle = numpy.random.default_rng(0)
printed = {"losses": [], "accuracy": [], "norms": {}}
step = 0
with layerscope.Run(options.name) as run:
    run.config({"optimizer": "SGD", "learning rate": 0.2, "batch": 64})
    for epoch in range(options.epochs):
        order = shuffle.permutation(len(x))
        for start in range(0, len(x), 64):
            batch = order[start:start + 64]
            value, hidden, gradients, after = update(params, x[batch], y[batch])
            if step % options.every == 0:
                layerscope.jax.send(run, step, params, gradients, after, hidden)
                first = [numpy.ravel(a) for a in params["dense0"].values()]
                printed["norms"][step] = float(numpy.linalg.norm(numpy.concatenate(first)))
            params = after
            run.log({"loss/train": value}, step)
            printed["losses"].append(float(value))
            step += 1
        accuracy = float((forward(params, test_x)[0].argmax(1) == test_y).mean())
        run.log({"accuracy/test": accuracy}, step)
        printed["accuracy"].append(accuracy)
    run.tensor("dense0", params["dense0"]["w"], step, kind="weights")
print(json.dumps(printed))
