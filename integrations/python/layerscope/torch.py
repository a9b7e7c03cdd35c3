"""PyTorch: what every layer of a model does while it learns.

    layerscope.torch.watch(model, run, every=100)

Per layer (a module's path with ``/``, as ``encoder/0/linear1``), from its own parameters together:
``weights/LAYER/norm``, ``gradients/LAYER/norm`` (both L2), ``updates/LAYER/ratio`` (norm of the
change by one step over the norm of the weights before it), ``activations/LAYER/mean``, ``/std`` and
``/zeros`` (share of outputs that are exactly 0: dead units), and the histograms ``weights/LAYER``,
``gradients/LAYER``, ``activations/LAYER``.
"""

import types

import torch

from . import _values

BINS = 64


def watch(model, run, every=100, optimizer=None, step=0, histograms=True, activations=True):
    """Sends statistics of each layer of ``model`` to ``run`` at every ``every``-th step.

    A step is a call of the model in training mode with gradients on; with ``optimizer`` it is one of
    its steps, which is right where gradients are summed over several calls. ``step`` is the number
    of the first one. Returns a :class:`Watch`, whose ``step`` may be set when training is resumed.
    """
    return Watch(model, run, every, optimizer, step, histograms, activations)


class Watch:
    """Hooks on a model; ``remove`` takes them off."""

    def __init__(self, model, run, every, optimizer, step, histograms, activations):
        self._run, self._every = run, max(1, int(every))
        self._histograms, self._optimizer = histograms, optimizer
        self.step = step
        self._active = False
        self._outputs, self._gradients, self._before = {}, {}, None
        self._layers = {}
        self._handles = []
        for path, module in model.named_modules():
            name = path.replace(".", "/") or "model"
            own = [p for p in module.parameters(recurse=False) if p.requires_grad]
            if own:
                self._layers[name] = own
            if activations and (own or not list(module.children())):
                self._handles.append(module.register_forward_hook(self._forward(name)))
        self._handles.append(model.register_forward_pre_hook(self._called))
        if optimizer is None:
            for parameters in self._layers.values():
                for parameter in parameters:
                    self._handles.append(parameter.register_hook(self._backward(parameter)))
        else:
            self._wrap(optimizer)

    def remove(self):
        """Sends the last step, which waits for its change of the weights, and takes all hooks off."""
        self._finish()
        for handle in self._handles:
            handle.remove()
        self._handles = []

    # Hooks. On steps that are not sent each costs one comparison.

    def _called(self, model, _inputs):
        if not (model.training and torch.is_grad_enabled()):
            self._active = False
            return
        if self._optimizer is None:
            # The step before has changed the weights by now.
            self._finish()
            self._begin()
            self.step += 1
        else:
            self._active = self.step % self._every == 0
            self._number = self.step

    def _begin(self):
        self._number = self.step
        self._active = self._number % self._every == 0
        if self._active:
            self._outputs, self._gradients = {}, {}
            self._snapshot()

    def _snapshot(self):
        with torch.no_grad():
            self._before = {name: [p.detach().clone() for p in own] for name, own in self._layers.items()}

    def _forward(self, name):
        def hook(module, _inputs, output):
            if self._active and module.training:
                while isinstance(output, (list, tuple)) and output:
                    output = output[0]
                if isinstance(output, dict) and output:
                    output = next(iter(output.values()))
                if isinstance(output, torch.Tensor) and output.is_floating_point() and output.numel():
                    # At once: an activation that works in place changes the output before it.
                    self._outputs[name] = self._statistics(output)

        return hook

    def _backward(self, parameter):
        def hook(gradient):
            if self._active:
                gradient = gradient.detach()
                seen = self._gradients.get(parameter)
                # The same parameter twice in one pass: PyTorch adds them up, and so do we.
                self._gradients[parameter] = gradient.clone() if seen is None else seen + gradient

        return hook

    def _wrap(self, optimizer):
        inner, watch = optimizer.step, self

        def step(self, *arguments, **named):
            watch._number = watch.step
            sends = watch._number % watch._every == 0
            if sends:
                watch._gradients = {p: p.grad.detach().clone() for own in watch._layers.values() for p in own
                                    if p.grad is not None}
                watch._snapshot()
            result = inner(*arguments, **named)
            watch.step += 1
            if sends:
                watch._finish()
            watch._active = False
            return result

        # A bound method: learning rate schedules take the function out of it.
        optimizer.step = types.MethodType(step, optimizer)
        self._handles.append(_Undo(optimizer, inner))

    # Sending.

    @torch.no_grad()
    def _finish(self):
        """Sends a step whose weights have changed."""
        if self._before is None:
            return
        before, self._before = self._before, None
        names, numbers, histograms = [], [], []

        def put(tag, value):
            names.append(tag)
            numbers.append(value.detach().to("cpu", torch.float64) if value.is_cpu else value.detach().double())

        for layer, own in self._layers.items():
            old = before[layer]
            put(f"weights/{layer}/norm", _norm(old))
            put(f"updates/{layer}/ratio", _norm([p - b for p, b in zip(own, old)]) / _norm(old))
            histograms.append((f"weights/{layer}", old))
            gradients = [self._gradients[p] for p in own if p in self._gradients]
            if gradients:
                put(f"gradients/{layer}/norm", _norm(gradients))
                histograms.append((f"gradients/{layer}", gradients))
        counted = []
        for layer, (mean, std, zeros, histogram) in self._outputs.items():
            put(f"activations/{layer}/mean", mean)
            put(f"activations/{layer}/std", std)
            put(f"activations/{layer}/zeros", zeros)
            counted.append((f"activations/{layer}", histogram))
        self._outputs, self._gradients = {}, {}
        self._run.log(dict(zip(names, _read(numbers))), self._number)
        if self._histograms:
            counted += [(tag, _histogram(tensors)) for tag, tensors in histograms]
            for tag, histogram in counted:
                self._run.histogram_of(tag, histogram, self._number)

    @torch.no_grad()
    def _statistics(self, output):
        output = output.detach().float()
        std, mean = torch.std_mean(output, unbiased=False)
        zeros = (output == 0).float().mean()
        return mean, std, zeros, _histogram([output]) if self._histograms else None


class _Undo:
    def __init__(self, optimizer, step):
        self._optimizer, self._step = optimizer, step

    def remove(self):
        self._optimizer.step = self._step


def _norm(tensors):
    """L2 norm of all elements together."""
    norms = [torch.linalg.vector_norm(t.float()) for t in tensors]
    return norms[0] if len(norms) == 1 else torch.linalg.vector_norm(torch.stack(norms))


def _read(numbers):
    """Values of scalars that may lie on several devices, one transfer for each device."""
    values = [0.0] * len(numbers)
    for device in {n.device for n in numbers}:
        places = [i for i, n in enumerate(numbers) if n.device == device]
        for i, value in zip(places, torch.stack([numbers[i] for i in places]).tolist()):
            values[i] = value
    return values


def _histogram(tensors):
    """Equal buckets between the smallest and the largest finite value, counted where the values are."""
    flat = [t.float().reshape(-1) for t in tensors]
    flat = flat[0] if len(flat) == 1 else torch.cat(flat)
    low, high = torch.aminmax(flat) if flat.numel() else (flat.new_zeros(()), flat.new_zeros(()))
    low, high = low.item(), high.item()
    if not (low > -float("inf") and high < float("inf")):
        flat = flat[torch.isfinite(flat)]
        if not flat.numel():
            return _values.empty()
        low, high = flat.min().item(), flat.max().item()
    if not flat.numel():
        return _values.empty()
    total, squares = flat.sum(dtype=torch.float64).item(), torch.dot(flat, flat).item()
    if low == high:
        return _values.fields(low, high, total, squares, [flat.numel()], [low, high])
    counts = torch.histc(flat, BINS, low, high).tolist()
    width = (high - low) / BINS
    edges = [low + i * width for i in range(BINS)] + [high]
    return _values.fields(low, high, total, squares, [int(n) for n in counts], edges)
