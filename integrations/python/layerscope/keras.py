"""Keras 3: a callback.

    model.fit(x, y, callbacks=[layerscope.keras.Callback(run, every=100, sample=(x[:256], y[:256]))])

Metrics of every batch are ``loss/batch`` and ``METRIC/batch``, those of epochs ``loss/train``,
``loss/validation`` and so on. At every ``every``-th batch: weights and update ratios of each layer;
with ``sample`` also activations on it, and on the JAX backend gradients of the loss on it. The tags
are those of ``layerscope.torch``.
"""

import keras
import numpy

from . import _layers


class Callback(keras.callbacks.Callback):
    """Sends what a model does while it is fitted."""

    def __init__(self, run, every=100, sample=None, histograms=True):
        super().__init__()
        self._run, self._every, self._sample, self._histograms = run, max(1, int(every)), sample, histograms
        self.step = 0
        self._before = None
        self._features = None

    def on_train_begin(self, logs=None):
        settings = {"parameters": self.model.count_params()}
        optimizer = getattr(self.model, "optimizer", None)
        if optimizer is not None:
            settings["optimizer"] = optimizer.__class__.__name__
            settings["learning rate"] = float(numpy.asarray(optimizer.learning_rate))
        self._run.config(settings)

    def on_train_batch_begin(self, batch, logs=None):
        if self.step % self._every == 0:
            self._before = self._weights()

    def on_train_batch_end(self, batch, logs=None):
        self._run.log({f"{name}/batch": value for name, value in (logs or {}).items()}, self.step)
        if self._before is not None:
            before, self._before = self._before, None
            _layers.send(self._run, self.step, before, self._gradients(), self._weights(), self._activations(),
                         self._histograms)
        self.step += 1

    def on_epoch_end(self, epoch, logs=None):
        numbers = {}
        for name, value in (logs or {}).items():
            name, part = (name[4:], "validation") if name.startswith("val_") else (name, "train")
            numbers[f"{name}/{part}"] = value
        self._run.log(numbers, self.step)

    def _sync(self):
        # On JAX the values of variables are kept by the training loop until they are asked for.
        if hasattr(self.model, "jax_state_sync"):
            self.model.jax_state_sync()

    def _owners(self):
        """Layers with variables of their own, by path."""
        for layer in self.model._flatten_layers(include_self=False):
            own = {id(v) for v in layer._trainable_variables}
            variables = [v for v in layer.trainable_variables if id(v) in own]
            if variables:
                yield self._name(layer), variables

    def _name(self, layer):
        """A layer's path without the model's own name."""
        prefix = self.model.path + "/"
        return layer.path[len(prefix):] if layer.path.startswith(prefix) else layer.path

    def _weights(self):
        self._sync()
        return {path: [keras.ops.convert_to_numpy(v) for v in own] for path, own in self._owners()}

    def _activations(self):
        if self._sample is None or not getattr(self.model, "layers", None) or not self.model.built:
            return None
        if self._features is None:
            layers = [layer for layer in self.model.layers if not isinstance(layer, keras.layers.InputLayer)]
            self._features = (layers, keras.Model(self.model.inputs, [layer.output for layer in layers]))
        layers, features = self._features
        inputs = self._sample[0]
        inputs = inputs if isinstance(inputs, (list, tuple, dict)) else [inputs]
        outputs = features(inputs, training=False)
        outputs = outputs if isinstance(outputs, (list, tuple)) else [outputs]
        return {self._name(layer): keras.ops.convert_to_numpy(o) for layer, o in zip(layers, outputs)}

    def _gradients(self):
        if self._sample is None or keras.backend.backend() != "jax" or not isinstance(self.model.loss, (str, keras.losses.Loss)):
            return None
        import jax

        self._sync()
        x, y = self._sample
        loss = keras.losses.get(self.model.loss)
        trainable = [v.value for v in self.model.trainable_variables]
        others = [v.value for v in self.model.non_trainable_variables]

        def value(trainable):
            outputs, _ = self.model.stateless_call(trainable, others, x, training=False)
            return keras.ops.mean(loss(y, outputs))

        found = jax.grad(value)(trainable)
        by_id = {id(v): g for v, g in zip(self.model.trainable_variables, found)}
        return {path: [numpy.asarray(by_id[id(v)]) for v in own if id(v) in by_id] for path, own in self._owners()}
