"""Writes the references that the tests of attribution compare with: a small network as ONNX, an input,
and what Captum (and, where Captum has no such method, a few lines of PyTorch) says of it.

    python captum_references.py    # needs torch, captum, onnx and numpy; written with 1.13, 0.9, 1.16, 1.26

The weights are random. All maps are of one logit of one example.
"""

from pathlib import Path

import numpy as np
import torch
from captum.attr import (
    LRP, Deconvolution, GuidedBackprop, InputXGradient, IntegratedGradients, LayerGradCam, NoiseTunnel,
    Occlusion, Saliency,
)
from captum.attr._utils.custom_modules import Addition_Module
from captum.attr._utils.lrp_rules import EpsilonRule
from torch import nn
from torch.nn import functional as F

OUT = Path(__file__).parent / "attribution"
TARGET = 3


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(2, 6, 3, padding=1)
        self.norm1 = nn.BatchNorm2d(6)
        self.relu1 = nn.ReLU()
        self.max = nn.MaxPool2d(2)
        self.conv2 = nn.Conv2d(6, 6, 3, padding=1)
        self.norm2 = nn.BatchNorm2d(6)
        self.add = Addition_Module()
        self.relu2 = nn.ReLU()
        self.mean = nn.AvgPool2d(2)
        self.dense1 = nn.Linear(54, 16)
        self.relu3 = nn.ReLU()
        self.dense2 = nn.Linear(16, 5)

    def forward(self, x):
        x = self.max(self.relu1(self.norm1(self.conv1(x))))
        x = self.relu2(self.add(self.norm2(self.conv2(x)), x))
        return self.dense2(self.relu3(self.dense1(self.mean(x).flatten(1))))


def network():
    torch.manual_seed(7)
    net = Net().eval()
    for norm in (net.norm1, net.norm2):
        norm.running_mean.normal_(0, 0.3)
        norm.running_var.uniform_(0.5, 2)
        norm.weight.data.uniform_(0.5, 1.5)
        norm.bias.data.normal_(0, 0.3)
    return net


def smooth(net, x, made):
    """NoiseTunnel with the noise that it draws kept."""
    draw = torch.normal

    def kept(mean, deviation):
        made["noise"] = draw(mean, deviation)
        return made["noise"]

    torch.normal = kept
    made["smooth"] = NoiseTunnel(Saliency(net)).attribute(
        x, nt_type="smoothgrad", nt_samples=6, stdevs=0.2, target=TARGET, abs=False
    )
    torch.normal = draw


def plus(net, x, made):
    """Grad-CAM++ as its authors' code has it (Chattopadhay et al. 2018, equations 5 and 19)."""
    seen = {}

    def hook(module, given, result):
        seen["a"] = result
        result.retain_grad()

    handle = net.conv2.register_forward_hook(hook)
    net(x)[0, TARGET].backward()
    handle.remove()
    a, g = seen["a"].detach(), seen["a"].grad
    below = 2 * g**2 + a.sum((2, 3), keepdim=True) * g**3
    alpha = torch.where(below != 0, g**2 / torch.where(below != 0, below, torch.ones_like(below)), below)
    weights = (alpha * F.relu(g)).sum((2, 3), keepdim=True)
    made["cam_plus"] = F.relu((weights * a).sum(1, keepdim=True))


def rise(net, x, made):
    """Petsiuk et al. 2018, with masks of chosen cells and shifts."""
    count, cells, size = 16, 4, x.shape[-1]
    grid = (torch.rand(count, 1, cells, cells) < 0.5).float()
    cell = -(-size // cells)
    big = F.interpolate(grid, size=(cells + 1) * cell, mode="bilinear", align_corners=False)
    shift = torch.randint(0, cell, (count, 2))
    masks = torch.stack([m[:, a : a + size, b : b + size] for m, (a, b) in zip(big, shift.tolist())])
    scores = net(x * masks).softmax(1)[:, TARGET]
    made["rise_grid"], made["rise_shift"], made["rise_masks"] = grid, shift.float(), masks
    made["rise"] = (scores[:, None, None, None] * masks).sum(0) / count / 0.5


def tanh(x, made):
    """Relevance through an activation that is no rectifier."""
    net = network()
    net.relu1, net.relu2, net.relu3 = nn.Tanh(), nn.Tanh(), nn.Tanh()
    widen(net)
    made["relevance_tanh"] = LRP(net).attribute(x, target=TARGET)


def widen(net):
    """Relevance with a larger epsilon."""
    kinds = (nn.Conv2d, nn.BatchNorm2d, nn.MaxPool2d, nn.AvgPool2d, nn.Linear, Addition_Module)
    for module in net.modules():
        if isinstance(module, kinds):
            module.rule = EpsilonRule(0.1)


def main():
    net = network()
    x = torch.randn(1, 2, 12, 12)
    base = torch.randn(1, 2, 12, 12) * 0.3
    made = {"x": x, "base": base, "logits": net(x)}
    made["gradient"] = Saliency(net).attribute(x, target=TARGET, abs=False)
    made["gradient_abs"] = Saliency(net).attribute(x, target=TARGET)
    made["times_input"] = InputXGradient(net).attribute(x, target=TARGET)
    smooth(net, x, made)
    integrated = IntegratedGradients(net)
    made["integrated"] = integrated.attribute(x, target=TARGET, n_steps=20)
    made["integrated_base"] = integrated.attribute(x, base, target=TARGET, n_steps=33)
    made["guided"] = GuidedBackprop(net).attribute(x, target=TARGET)
    made["deconvolution"] = Deconvolution(net).attribute(x, target=TARGET)
    made["cam"] = LayerGradCam(net, net.conv2).attribute(x, target=TARGET)
    made["cam_first"] = LayerGradCam(net, net.relu1).attribute(x, target=TARGET)
    up = F.interpolate(F.relu(made["cam"]), size=(12, 12), mode="bilinear", align_corners=False)
    made["cam_up"] = up
    plus(net, x, made)
    made["occlusion"] = Occlusion(net).attribute(x, (2, 3, 3), (2, 2, 2), target=TARGET)
    made["occlusion_base"] = Occlusion(net).attribute(x, (1, 5, 5), (1, 3, 3), base, target=TARGET)
    made["relevance"] = LRP(net).attribute(x, target=TARGET)
    widen(net)
    made["relevance_wide"] = LRP(net).attribute(x, target=TARGET)
    net = network()
    rise(net, x, made)
    tanh(x, made)
    net = network()
    OUT.mkdir(exist_ok=True)
    np.savez_compressed(OUT / "captum.npz", **{k: v.detach().numpy().astype(np.float32) for k, v in made.items()})
    torch.onnx.export(
        net, x, str(OUT / "network.onnx"), opset_version=13, input_names=["image"], output_names=["logits"],
        dynamic_axes={"image": {0: "batch"}, "logits": {0: "batch"}},
        # As it is: in its other modes the exporter folds batch normalisation into convolutions.
        training=torch.onnx.TrainingMode.PRESERVE, do_constant_folding=False,
    )


if __name__ == "__main__":
    main()
