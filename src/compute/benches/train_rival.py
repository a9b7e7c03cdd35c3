"""PyTorch's side of `train.rs`: reads numbers of steps, prints milliseconds a step."""

import sys
import time

import torch
from torch import nn
from torch.nn import functional as F


class Block(nn.Module):
    def __init__(self, a, b):
        super().__init__()
        self.conv1 = nn.Conv2d(a, b, 3, 2, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(b)
        self.conv2 = nn.Conv2d(b, b, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(b)
        self.skip = nn.Conv2d(a, b, 1, 2, bias=False)
        self.skip_norm = nn.BatchNorm2d(b)

    def forward(self, x):
        y = self.norm2(self.conv2(F.relu(self.norm1(self.conv1(x)))))
        return F.relu(y + self.skip_norm(self.skip(x)))


def cnn(channels, width):
    return nn.Sequential(
        nn.Conv2d(channels, width, 3, 1, 1, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(),
        Block(width, 2 * width),
        Block(2 * width, 4 * width),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(4 * width, 10),
    )


class Forecaster(nn.Module):
    def __init__(self):
        super().__init__()
        self.cell = nn.GRU(4, 32, batch_first=True)
        self.linear = nn.Linear(32, 1)

    def forward(self, x):
        return self.linear(self.cell(x)[0][:, -1])


name, threads, batch = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
torch.set_num_threads(threads)
mlp = [nn.Flatten(), nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, 10)]
net, shape = {
    "cnn16": lambda: (cnn(1, 16), (1, 28, 28)),
    "cnn32": lambda: (cnn(3, 32), (3, 32, 32)),
    "mlp": lambda: (nn.Sequential(*mlp), (1, 28, 28)),
    "gru": lambda: (Forecaster(), (32, 4)),
}[name]()
if name.startswith("cnn"):
    optimizer = torch.optim.SGD(net.parameters(), lr=1e-3, momentum=0.9, nesterov=True)
else:
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
x = torch.rand(batch, *shape)
y = torch.rand(batch, 1) if name == "gru" else torch.arange(batch) % 10
loss_of = F.mse_loss if name == "gru" else F.cross_entropy
for line in sys.stdin:
    count = int(line)
    start = time.perf_counter()
    for _ in range(count):
        optimizer.zero_grad()
        loss = loss_of(net(x), y)
        loss.backward()
        optimizer.step()
        loss.item()
    print(1e3 * (time.perf_counter() - start) / count, flush=True)
