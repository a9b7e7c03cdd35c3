"""What ``layerscope.torch.watch`` costs a training step: with it and without it in turn, on one model.

    LAYERSCOPE_URL=... LAYERSCOPE_TOKEN=... PYTHONPATH=.. python torch_overhead.py [--every 100] [--steps 400]

Rounds with and without alternate, so that both see the same load; the median of the rounds' ratios
is printed. Sending to the server goes on at the same time, on the same cores.
"""

import argparse
import statistics
import time

import torch
from torch import nn

import layerscope
import layerscope.torch

parser = argparse.ArgumentParser()
parser.add_argument("--every", type=int, default=100)
parser.add_argument("--steps", type=int, default=400)
parser.add_argument("--rounds", type=int, default=5)
options = parser.parse_args()

torch.manual_seed(0)


def convolutional():
    layers, channels = [], 3
    for width in (32, 32, 64, 64):
        layers += [nn.Conv2d(channels, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU()]
        channels = width
    model = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10))
    return model, torch.randn(16, 3, 16, 16), torch.randint(0, 10, (16,))


def transformer():
    layer = nn.TransformerEncoderLayer(128, 4, 256, batch_first=True)
    encoder = nn.TransformerEncoder(layer, 3)
    model = nn.Sequential(nn.Linear(32, 128), encoder, nn.Flatten(), nn.Linear(128 * 32, 10))
    return model, torch.randn(8, 32, 32), torch.randint(0, 10, (8,))


def small():
    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
    return model, torch.randn(64, 64), torch.randint(0, 10, (64,))


def train(model, x, y, steps, watched):
    optimizer, criterion = torch.optim.SGD(model.parameters(), lr=0.01), nn.CrossEntropyLoss()
    run = watch = None
    if watched:
        run = layerscope.Run(f"overhead/{time.time_ns()}")
        watch = layerscope.torch.watch(model, run, every=options.every)
    started = time.perf_counter()
    for _ in range(steps):
        optimizer.zero_grad()
        criterion(model(x), y).backward()
        optimizer.step()
    seconds = time.perf_counter() - started
    if watched:
        watch.remove()
        run.close()
        assert run.lost == 0
    return 1e3 * seconds / steps


print("| model | step, ms | with watch, ms | overhead, % |")
print("| --- | --- | --- | --- |")
for make in (small, convolutional, transformer):
    model, x, y = make()
    train(model, x, y, 20, False)
    rounds = [(train(model, x, y, options.steps, False), train(model, x, y, options.steps, True))
              for _ in range(options.rounds)]
    without, with_watch = (statistics.median(r[i] for r in rounds) for i in (0, 1))
    overhead = 100 * (statistics.median(b / a for a, b in rounds) - 1)
    print(f"| {make.__name__} | {without:.2f} | {with_watch:.2f} | {overhead:.1f} |")
