"""Losses of small networks in PyTorch: the reference of `main.rs` beside this file.

    PYTHON src/compute/tests/train/pytorch.py > src/compute/tests/train/pytorch.json

Initial weights and examples come from the same generator (SplitMix64, as `model::Random`), so that
both sides begin with equal numbers. Batches are taken in order, without shuffling.
"""

import json

import torch
from torch import nn
from torch.nn import functional as F
from torch.optim import lr_scheduler as schedules

MASK = (1 << 64) - 1
GOLD = 0x9E3779B97F4A7C15
STEPS, COUNT, BATCH = 100, 40, 8


class Random:
    def __init__(self, *key):
        self.state = 0x243F6A8885A308D3
        for part in key:
            mixed = self.bits()
            self.state = mixed ^ (part * GOLD & MASK)

    def bits(self):
        self.state = (self.state + GOLD) & MASK
        z = self.state
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 & MASK
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB & MASK
        return z ^ (z >> 31)

    def uniform(self):
        return (self.bits() >> 11) / (1 << 53)

    def below(self, count):
        return self.bits() * count >> 64


def drawn(key, shape, low, high):
    random = Random(*key)
    count = torch.Size(shape).numel()
    values = [low + (high - low) * random.uniform() for _ in range(count)]
    return torch.tensor(values, dtype=torch.float64).to(torch.float32).reshape(shape)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(2, 4, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(4)
        self.linear = nn.Linear(144, 3)
        with torch.no_grad():
            self.conv.weight.copy_(drawn((1,), (4, 2, 3, 3), -0.4, 0.4))
            self.linear.weight.copy_(drawn((2,), (3, 144), -0.1, 0.1))
            self.linear.bias.copy_(drawn((3,), (3,), -0.1, 0.1))

    def forward(self, x):
        return self.linear(torch.relu(self.norm(self.conv(x))).flatten(1))


class Vae(nn.Module):
    def __init__(self):
        super().__init__()
        self.sizes = [(16, 8), (8, 3), (8, 3), (3, 8), (8, 16)]
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in self.sizes)
        with torch.no_grad():
            for i, layer in enumerate(self.layers):
                layer.weight.copy_(drawn((10 + 2 * i,), layer.weight.shape, -0.4, 0.4))
                layer.bias.copy_(drawn((11 + 2 * i,), layer.bias.shape, -0.2, 0.2))

    def forward(self, x, noise):
        encode, mean, variance, decode, output = self.layers
        hidden = torch.relu(encode(x))
        mean, variance = mean(hidden), variance(hidden)
        latent = mean + torch.exp(0.5 * variance) * noise
        return torch.sigmoid(output(torch.relu(decode(latent)))), mean, variance


class Forecaster(nn.Module):
    def __init__(self, kind):
        super().__init__()
        self.cell = getattr(nn, kind)(3, 5, batch_first=True)
        self.linear = nn.Linear(5, 2)
        with torch.no_grad():
            for i, p in enumerate([*self.cell.parameters(), *self.linear.parameters()]):
                p.copy_(drawn((30 + i,), p.shape, -0.4, 0.4))

    def forward(self, x):
        return self.linear(self.cell(x)[0][:, -1])


IMAGES = drawn((20,), (COUNT, 2, 6, 6), -1, 1)
classes = Random(21)
CLASSES = torch.tensor([classes.below(3) for _ in range(COUNT)])
VALUES = drawn((22,), (COUNT, 3), 0, 1)
ROWS = drawn((23,), (COUNT, 16), 0, 1)
NOISE = drawn((24,), (COUNT, 3), -2, 2)
SERIES = drawn((25,), (COUNT, 7, 3), -1, 1)
AHEAD = drawn((26,), (COUNT, 2), -1, 1)


def cross_entropy(net, picks):
    return F.cross_entropy(net(IMAGES[picks]), CLASSES[picks])


def smoothed(net, picks):
    return F.cross_entropy(net(IMAGES[picks]), CLASSES[picks], label_smoothing=0.1)


def mse(net, picks):
    return F.mse_loss(net(IMAGES[picks]), VALUES[picks])


def binary(net, picks):
    return F.binary_cross_entropy_with_logits(net(IMAGES[picks]), VALUES[picks])


def vae(net, picks):
    made, mean, variance = net(ROWS[picks], NOISE[picks])
    error = F.binary_cross_entropy(made, ROWS[picks], reduction="sum")
    divergence = -0.5 * torch.sum(1 + variance - mean**2 - variance.exp())
    return (error + 0.7 * divergence) / len(picks)


def forecast(net, picks):
    return F.mse_loss(net(SERIES[picks]), AHEAD[picks])


def run(optimizer, schedule=None, loss=cross_entropy, net=Net, clip=None, by_epoch=False, plateau=False):
    net = net()
    net.train()
    optimizer = optimizer(net.parameters())
    schedule = schedule and schedule(optimizer)
    losses, rates = [], []
    sums = 0.0
    for step in range(STEPS):
        at = step * BATCH % COUNT
        optimizer.zero_grad()
        value = loss(net, range(at, at + BATCH))
        value.backward()
        if clip:
            clip(net.parameters())
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        losses.append(value.item())
        sums += value.item()
        last = at + BATCH == COUNT
        if plateau:
            if last:
                schedule.step(sums / (COUNT // BATCH))
        elif schedule and (last or not by_epoch):
            schedule.step()
        if last:
            sums = 0.0
    return {"losses": losses, "rates": rates}


optim = torch.optim
sgd = lambda p: optim.SGD(p, lr=0.05)
momentum = lambda p: optim.SGD(p, lr=0.02, momentum=0.9)
CASES = {
    "sgd": run(sgd),
    "sgd, weight decay": run(lambda p: optim.SGD(p, lr=0.05, weight_decay=0.01)),
    "momentum": run(momentum),
    "momentum, dampening": run(lambda p: optim.SGD(p, lr=0.02, momentum=0.8, dampening=0.3, weight_decay=0.01)),
    "nesterov": run(lambda p: optim.SGD(p, lr=0.02, momentum=0.9, nesterov=True, weight_decay=0.005)),
    "adam": run(lambda p: optim.Adam(p, lr=0.003)),
    "adam, weight decay": run(lambda p: optim.Adam(p, lr=0.003, betas=(0.8, 0.99), eps=1e-6, weight_decay=0.02)),
    "adamw": run(lambda p: optim.AdamW(p, lr=0.003, weight_decay=0.1)),
    "rmsprop": run(lambda p: optim.RMSprop(p, lr=0.001)),
    "rmsprop, centered": run(lambda p: optim.RMSprop(p, lr=0.001, alpha=0.9, momentum=0.5, centered=True, eps=1e-4, weight_decay=0.01)),
    "adagrad": run(lambda p: optim.Adagrad(p, lr=0.02)),
    "adagrad, decay": run(lambda p: optim.Adagrad(p, lr=0.05, lr_decay=0.02, initial_accumulator_value=0.1, weight_decay=0.01)),
    "step": run(sgd, lambda o: schedules.StepLR(o, 30, 0.5)),
    "step by epoch": run(sgd, lambda o: schedules.StepLR(o, 6, 0.3), by_epoch=True),
    "cosine": run(sgd, lambda o: schedules.CosineAnnealingLR(o, 100, 0.001)),
    "warm-up": run(sgd, lambda o: schedules.LinearLR(o, 0.1, 1.0, 20)),
    "warm-up, cosine": run(sgd, lambda o: schedules.SequentialLR(o, [schedules.LinearLR(o, 0.1, 1.0, 20), schedules.CosineAnnealingLR(o, 80)], [20])),
    "one cycle": run(momentum, lambda o: schedules.OneCycleLR(o, 0.05, total_steps=100, cycle_momentum=False)),
    "one cycle, momentum": run(momentum, lambda o: schedules.OneCycleLR(o, 0.05, total_steps=100, anneal_strategy="linear", pct_start=0.4)),
    "plateau": run(lambda p: optim.SGD(p, lr=0.4), lambda o: schedules.ReduceLROnPlateau(o, factor=0.5, patience=1, threshold=0.3, cooldown=1), plateau=True),
    "clip norm": run(momentum, clip=lambda p: nn.utils.clip_grad_norm_(p, 0.3)),
    "clip value": run(momentum, clip=lambda p: nn.utils.clip_grad_value_(p, 0.02)),
    "smoothing": run(sgd, loss=smoothed),
    "mean squared error": run(momentum, loss=mse),
    "binary": run(momentum, loss=binary),
    "vae": run(lambda p: optim.Adam(p, lr=0.01), loss=vae, net=Vae),
    "lstm": run(lambda p: optim.Adam(p, lr=0.01), loss=forecast, net=lambda: Forecaster("LSTM")),
    "gru": run(lambda p: optim.Adam(p, lr=0.01), loss=forecast, net=lambda: Forecaster("GRU")),
}

for case in CASES.values():
    case["losses"] = [float(f"{v:.7g}") for v in case["losses"]]
    case["rates"] = [float(f"{v:.7g}") for v in case["rates"]]
print(json.dumps({"torch": torch.__version__, "cases": CASES}, separators=(",", ":")))
