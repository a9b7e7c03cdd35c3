"""A small network on handwritten digits, trained by Keras on JAX and seen by layerscope.

    LAYERSCOPE_URL=... LAYERSCOPE_TOKEN=... python keras_jax.py [--epochs 6] [--every 20] [--name digits/keras]
"""

import argparse
import json
import os

os.environ.setdefault("KERAS_BACKEND", "jax")

import digits
import keras
import numpy

import layerscope
import layerscope.keras

parser = argparse.ArgumentParser()
parser.add_argument("--epochs", type=int, default=6)
parser.add_argument("--every", type=int, default=20)
parser.add_argument("--name", default="digits/keras")
options = parser.parse_args()

keras.utils.set_random_seed(0)
(pixels, labels), test = digits.load()
x, y = numpy.array(pixels, "float32"), numpy.array(labels)
test = numpy.array(test[0], "float32"), numpy.array(test[1])

model = keras.Sequential([
    keras.layers.Input((64,)),
    keras.layers.Dense(64, activation="relu", name="hidden"),
    keras.layers.Dense(32, activation="relu", name="second"),
    keras.layers.Dense(10, name="logits"),
])
model.compile(keras.optimizers.Adam(0.003), keras.losses.SparseCategoricalCrossentropy(from_logits=True),
              metrics=["accuracy"])
first = float(numpy.linalg.norm(numpy.concatenate([numpy.ravel(w) for w in model.get_layer("hidden").get_weights()])))
with layerscope.Run(options.name) as run:
    seen = layerscope.keras.Callback(run, options.every, sample=(x[:128], y[:128]))
    history = model.fit(x, y, batch_size=64, epochs=options.epochs, validation_data=test, verbose=0, callbacks=[seen])
    run.tensor("hidden", model.get_layer("hidden").get_weights()[0], seen.step, kind="weights")
print(json.dumps({
    "losses": history.history["loss"],
    "accuracy": history.history["val_accuracy"],
    "norms": {"0": first},
}))
