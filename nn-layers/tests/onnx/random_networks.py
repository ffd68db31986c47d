"""Random PyTorch networks, exported by PyTorch's own exporters, with an input and PyTorch's output each.

    pip install torch onnx onnxscript numpy
    python nn-layers/tests/onnx/random_networks.py --count 200 --out /tmp/networks
    cargo run --release -p nn-layers --example check_onnx -- /tmp/networks

The second command imports every file and holds our clear executor against PyTorch: each network matches, or is refused by the name of the
node that has no counterpart. Every tenth network holds such a node on purpose. `--count 12 --seed 7` made the files in `torch/`.
"""
import argparse
import random
import warnings
from pathlib import Path

import numpy as np
import torch
from onnx import numpy_helper
from torch import nn

UNSUPPORTED = [lambda: nn.MaxPool2d(2), lambda: nn.LeakyReLU(), lambda: nn.ELU(), lambda: nn.InstanceNorm2d(4), lambda: nn.Hardswish()]


class Residual(nn.Module):
    def __init__(self, body, shortcut=None):
        super().__init__()
        self.body, self.shortcut = body, shortcut or nn.Identity()

    def forward(self, x):
        return self.body(x) + self.shortcut(x)


class Joined(nn.Module):
    """Two branches, one behind the other."""

    def __init__(self, left, right):
        super().__init__()
        self.left, self.right = left, right

    def forward(self, x):
        return torch.cat([self.left(x), self.right(x)], dim=1)


class Excited(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.down, self.up = nn.Linear(channels, max(1, channels // 2)), nn.Linear(max(1, channels // 2), channels)

    def forward(self, x):
        gate = torch.sigmoid(self.up(torch.relu(self.down(self.pool(x).flatten(1)))))
        return x * gate[:, :, None, None]


class Function(nn.Module):
    """An activation written as an expression."""

    FORMS = {
        "square": lambda x: x * x,
        "power": lambda x: x**2,
        "polynomial": lambda x: 0.25 * x * x + 0.5 * x + 0.1,
        "silu": lambda x: x * torch.sigmoid(x),
        "scaled": lambda x: (x - 0.3) / 1.7,
    }

    def __init__(self, name):
        super().__init__()
        self.name = name

    def forward(self, x):
        return Function.FORMS[self.name](x)


def activation(rng):
    simple = [nn.ReLU, nn.Tanh, nn.Sigmoid, nn.SiLU, nn.GELU]
    if rng.random() < 0.5:
        return rng.choice(simple)()
    return Function(rng.choice(sorted(Function.FORMS)))


def image_layer(rng, channels, side):
    """A layer on [channels, side, side], and what it makes of them."""
    kind = rng.choice(["conv", "conv", "conv", "act", "act", "norm", "pool", "up", "transposed", "residual", "joined", "excited", "dropout"])
    if kind == "conv":
        groups = rng.choice([g for g in (1, 2, 4) if channels % g == 0])
        outs = groups * rng.randint(1, 3)
        kernel, stride, dilation = rng.randint(1, 3), rng.randint(1, 2), rng.randint(1, 2)
        padding = rng.randint(0, dilation * (kernel - 1))
        after = (side + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1
        if after >= 2:
            conv = nn.Conv2d(channels, outs, kernel, stride, padding, dilation, groups, bias=rng.random() < 0.7)
            return conv, outs, after
    if kind == "norm":
        return nn.BatchNorm2d(channels), channels, side
    if kind == "pool" and side >= 4:
        kernel = rng.choice([2, 3])
        stride = rng.choice([1, 2])
        padding = rng.choice([0, 0, 1])
        pool = nn.AvgPool2d(kernel, stride, padding, count_include_pad=rng.random() < 0.5)
        return pool, channels, (side + 2 * padding - kernel) // stride + 1
    if kind == "up" and side <= 8:
        return nn.Upsample(scale_factor=2, mode="nearest"), channels, 2 * side
    if kind == "transposed" and side <= 8:
        kernel, stride = rng.randint(2, 3), rng.randint(1, 2)
        extra = rng.randint(0, stride - 1)
        outs = rng.randint(1, 4)
        layer = nn.ConvTranspose2d(channels, outs, kernel, stride, output_padding=extra)
        return layer, outs, (side - 1) * stride + kernel + extra
    if kind == "residual":
        body = nn.Sequential(nn.Conv2d(channels, channels, 3, padding=1), activation(rng), nn.Conv2d(channels, channels, 3, padding=1, bias=False))
        return Residual(body, nn.Conv2d(channels, channels, 1) if rng.random() < 0.5 else None), channels, side
    if kind == "joined":
        left, right = nn.Conv2d(channels, 2, 3, padding=1), nn.Sequential(nn.Conv2d(channels, 1, 1), activation(rng))
        return Joined(left, right), 3, side
    if kind == "excited":
        return Excited(channels), channels, side
    if kind == "dropout":
        return nn.Dropout(0.2), channels, side
    return activation(rng), channels, side


def network(rng, index):
    channels, side = rng.randint(1, 4), rng.randint(5, 10)
    shape, layers = (channels, side, side), []
    for _ in range(rng.randint(3, 9)):
        layer, channels, side = image_layer(rng, channels, side)
        layers.append(layer)
    if index % 10 == 9:
        layers += [nn.Conv2d(channels, 4, 3, padding=1), rng.choice(UNSUPPORTED)()]
        channels = 4
        side = side // 2 if isinstance(layers[-1], nn.MaxPool2d) else side
    if rng.random() < 0.7:
        if rng.random() < 0.5:
            layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten()]
            features = channels
        else:
            layers += [nn.Flatten()]
            features = channels * side * side
        hidden = rng.randint(2, 6)
        layers += [nn.Linear(features, hidden), activation(rng), nn.Linear(hidden, rng.randint(1, 5), bias=rng.random() < 0.8)]
    return nn.Sequential(*layers), shape


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    warnings.filterwarnings("ignore")
    for index in range(options.count):
        rng = random.Random(options.seed * 1_000_003 + index)
        torch.manual_seed(options.seed * 1_000_003 + index)
        made, shape = network(rng, index)
        for module in made.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.running_mean.uniform_(-1, 1)
                module.running_var.uniform_(0.5, 2)
        made.eval()
        x = torch.rand(2, *shape) * 2 - 1
        with torch.no_grad():
            y = made(x)
        newer = index % 5 == 4
        opset = 18 if newer else rng.randint(13, 20)
        file = options.out / f"network-{index:03}.onnx"
        torch.onnx.export(made, (x,), str(file), opset_version=opset, dynamo=newer, **({"external_data": False, "verbose": False} if newer else {}))
        for kind, value in (("input", x), ("output", y)):
            array = numpy_helper.from_array(np.ascontiguousarray(value.numpy()), kind)
            file.with_suffix(f".{kind}.pb").write_bytes(array.SerializeToString())


if __name__ == "__main__":
    main()
