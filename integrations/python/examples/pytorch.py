"""A small convolutional network on handwritten digits, trained by PyTorch and seen by layerscope.

    LAYERSCOPE_URL=... LAYERSCOPE_TOKEN=... python pytorch.py [--epochs 4] [--every 20] [--name digits/pytorch]
"""

import argparse
import json

import digits
import torch
from torch import nn

import layerscope
import layerscope.torch

parser = argparse.ArgumentParser()
parser.add_argument("--epochs", type=int, default=4)
parser.add_argument("--every", type=int, default=20)
parser.add_argument("--name", default="digits/pytorch")
options = parser.parse_args()

torch.manual_seed(0)
(pixels, labels), (test_pixels, test_labels) = digits.load()
x, y = torch.tensor(pixels).reshape(-1, 1, 8, 8), torch.tensor(labels)
test_x, test_y = torch.tensor(test_pixels).reshape(-1, 1, 8, 8), torch.tensor(test_labels)

model = nn.Sequential()
model.add_module("conv", nn.Conv2d(1, 16, 3, padding=1))
model.add_module("relu1", nn.ReLU(inplace=True))
model.add_module("pool", nn.MaxPool2d(2))
model.add_module("flat", nn.Flatten())
model.add_module("head", nn.Sequential(nn.Linear(256, 64), nn.ReLU(), nn.Linear(64, 10)))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
criterion = nn.CrossEntropyLoss()

run = layerscope.Run(options.name)
run.config({"optimizer": {"name": "SGD", "lr": 0.1, "momentum": 0.9}, "batch": 64, "model": str(model)})
watch = layerscope.torch.watch(model, run, every=options.every)
printed = {"losses": [], "accuracy": [], "norms": {}}
step = 0
for epoch in range(options.epochs):
    order = torch.randperm(len(x))
    for start in range(0, len(x), 64):
        batch = order[start:start + 64]
        optimizer.zero_grad()
        if step % options.every == 0:
            first = model.head[0]
            printed["norms"][step] = torch.cat([p.detach().reshape(-1) for p in first.parameters()]).norm().item()
        loss = criterion(model(x[batch]), y[batch])
        loss.backward()
        optimizer.step()
        run.log({"loss/train": loss.item()}, step)
        printed["losses"].append(loss.item())
        step += 1
    model.eval()
    with torch.no_grad():
        logits = model(test_x)
        accuracy = (logits.argmax(1) == test_y).float().mean().item()
        run.log({"loss/test": criterion(logits, test_y), "accuracy/test": accuracy}, step)
    model.train()
    printed["accuracy"].append(accuracy)
    run.mark(f"epoch {epoch + 1}", step, kind="checkpoint")
run.tensor("head/2", model.head[2].weight, step, kind="weights")
watch.remove()
run.close()
print(json.dumps(printed))
