"""Trains the U-Net of CryptoUNets (Chiang) on the membranes of ISBI 2012, with squares or, for comparison, with ReLU.

    python models/training/unet.py --data DIR --activation square --out models/weights/unet.safetensors
    python models/training/unet.py --data DIR --activation relu --out models/weights/unet-relu.safetensors

DIR holds `train/image/N.png` and `train/label/N.png`, N = 0..29, 512 x 512 pixels. Images 0 to 23 serve for training, the last six are held
out; the stack is contiguous, so that the held-out sections lie beside each other and not between training sections.

Every convolution is followed by batch normalisation while training: without it squares of squares run away or vanish. The normalisation is
an affine map a channel once training is done, and is folded into the convolution, so that the stored network is the paper's: convolution,
bias, square. The logit is positive for membrane.
"""

import argparse
import json
import math
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional as F

SIDE = 512
TRAINING = 24


class Square(nn.Module):
    """The square. Ten of them after one another multiply what is large into what is huge: while training begins, arguments are cut off at
    LIMIT, and at all times a penalty on arguments beyond it is collected in `excess`, so that the cut can go."""

    LIMIT = 3.0

    def __init__(self):
        super().__init__()
        self.cut = True
        self.excess = 0.0

    def forward(self, x):
        beyond = F.relu(x.abs() - self.LIMIT)
        self.excess = self.excess + beyond.square().mean() + 1e-3 * beyond.amax()
        if self.cut:
            x = x.clamp(-self.LIMIT, self.LIMIT)
        return x * x


class Double(nn.Module):
    """Two convolutions, each normalised and activated; named as in the weights file."""

    def __init__(self, ins, outs, activation):
        super().__init__()
        self.conv1 = nn.Conv2d(ins, outs, 3, padding=1)
        self.norm1 = nn.BatchNorm2d(outs)
        self.conv2 = nn.Conv2d(outs, outs, 3, padding=1)
        self.norm2 = nn.BatchNorm2d(outs)
        self.activation = activation
        for norm in (self.norm1, self.norm2):
            nn.init.constant_(norm.weight, 0.5)

    def forward(self, x):
        x = self.activation(self.norm1(self.conv1(x)))
        return self.activation(self.norm2(self.conv2(x)))


class Up(nn.Module):
    """The transposed convolution, the skip connection, and two convolutions."""

    def __init__(self, ins, outs, activation):
        super().__init__()
        self.up = nn.ConvTranspose2d(ins, outs, 2, stride=2)
        self.convolutions = Double(ins, outs, activation)

    def forward(self, skip, x):
        return self.convolutions(torch.cat([skip, self.up(x)], dim=1))


class UNet(nn.Module):
    def __init__(self, activation):
        super().__init__()
        self.down1 = Double(1, 5, activation)
        self.down2 = Double(5, 10, activation)
        self.bottom = Double(10, 20, activation)
        self.up2 = Up(20, 10, activation)
        self.up1 = Up(10, 5, activation)
        self.out = nn.Conv2d(5, 1, 1)

    def forward(self, x):
        outer = self.down1(x)
        inner = self.down2(F.avg_pool2d(outer, 2))
        x = self.bottom(F.avg_pool2d(inner, 2))
        return self.out(self.up1(outer, self.up2(inner, x)))


def load(folder):
    def read(kind, index):
        return np.asarray(Image.open(folder / "train" / kind / f"{index}.png").convert("L"), dtype=np.float32)

    images = torch.from_numpy(np.stack([read("image", i) for i in range(30)]))[:, None] / 255
    labels = torch.from_numpy(np.stack([read("label", i) for i in range(30)]))[:, None]
    return images, (labels < 128).float()


def batch_of(images, masks, size, side, rng):
    """Random crops, turned, mirrored, and changed a little in brightness and contrast."""
    xs, ys = [], []
    for _ in range(size):
        index = rng.integers(len(images))
        top, left = rng.integers(0, SIDE - side + 1, 2)
        x = images[index, :, top : top + side, left : left + side]
        y = masks[index, :, top : top + side, left : left + side]
        quarters = int(rng.integers(4))
        x, y = torch.rot90(x, quarters, (1, 2)), torch.rot90(y, quarters, (1, 2))
        if rng.integers(2):
            x, y = x.flip(2), y.flip(2)
        contrast, brightness = 1 + 0.2 * rng.uniform(-1, 1), 0.2 * rng.uniform(-1, 1)
        xs.append(x * contrast + brightness)
        ys.append(y)
    return torch.stack(xs), torch.stack(ys)


@torch.no_grad()
def scores(model, images, masks):
    """Pixel error, and Dice and intersection over union of the membranes, over all pixels of the held-out sections (%)."""
    model.eval()
    if isinstance(model.down1.activation, Square):
        model.down1.activation.cut = False
    logits = torch.cat([model(x[None]) for x in images])
    predicted, truth = logits > 0, masks > 0.5
    both = (predicted & truth).sum().item()
    either = (predicted | truth).sum().item()
    return {
        "pixel error": 100 * (predicted != truth).float().mean().item(),
        "dice": 100 * 2 * both / max(1, predicted.sum().item() + truth.sum().item()),
        "iou": 100 * both / max(1, either),
        "loss": F.binary_cross_entropy_with_logits(logits, masks).item(),
    }


@torch.no_grad()
def folded(model):
    """The paper's parameters: each normalisation folded into the convolution before it."""
    model.eval()
    tensors = {}
    for name, module in model.named_modules():
        short = name.replace(".convolutions", "")
        if isinstance(module, Double):
            for index in (1, 2):
                conv, norm = getattr(module, f"conv{index}"), getattr(module, f"norm{index}")
                factor = norm.weight.double() / torch.sqrt(norm.running_var.double() + norm.eps)
                weight = conv.weight.double() * factor[:, None, None, None]
                bias = (conv.bias.double() - norm.running_mean.double()) * factor + norm.bias.double()
                tensors[f"{short}.conv{index}.weight"] = weight.float().contiguous()
                tensors[f"{short}.conv{index}.bias"] = bias.float().contiguous()
        elif isinstance(module, nn.ConvTranspose2d) or name == "out":
            tensors[f"{short}.weight"] = module.weight.detach().float().contiguous()
            tensors[f"{short}.bias"] = module.bias.detach().float().contiguous()
    return tensors


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--activation", choices=["square", "relu"], default="square")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=5000)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--crop", type=int, default=192)
    parser.add_argument("--rate", type=float, default=3e-3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()

    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    rng = np.random.default_rng(options.seed)
    images, masks = load(options.data)
    mean, deviation = images[:TRAINING].mean().item(), images[:TRAINING].std().item()
    images = (images - mean) / deviation
    training, held_out = slice(0, TRAINING), slice(TRAINING, 30)

    activation = Square() if options.activation == "square" else nn.ReLU()
    model = UNet(activation).to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(model.parameters(), lr=options.rate, weight_decay=1e-4)
    warm_up, frozen_from = max(1, options.steps // 20), options.steps * 6 // 10

    def rate(step):
        if step < warm_up:
            return (step + 1) / warm_up
        return 0.5 * (1 + math.cos(math.pi * (step - warm_up) / (options.steps - warm_up)))

    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, rate)
    start, mean_loss = time.time(), 0.0
    for step in range(1, options.steps + 1):
        # The last steps train the very function that is stored: statistics fixed, nothing cut off.
        frozen = step > frozen_from
        model.train(not frozen)
        if isinstance(activation, Square):
            activation.cut, activation.excess = not frozen, 0.0
        x, y = batch_of(images[training], masks[training], options.batch, options.crop, rng)
        loss = F.binary_cross_entropy_with_logits(model(x.to(memory_format=torch.channels_last)), y)
        mean_loss = loss.item() if step == 1 else 0.99 * mean_loss + 0.01 * loss.item()
        if isinstance(activation, Square):
            loss = loss + activation.excess
        optimizer.zero_grad()
        loss.backward()
        if nn.utils.clip_grad_norm_(model.parameters(), 1.0).isfinite():
            optimizer.step()
        schedule.step()
        if step % 100 == 0:
            line = {"step": step, "loss": round(mean_loss, 4), "seconds": round(time.time() - start)}
            if isinstance(activation, Square):
                line["excess"] = round(activation.excess.item(), 4)
            if step % 500 == 0:
                line |= {name: round(value, 3) for name, value in scores(model, images[held_out], masks[held_out]).items()}
            print(json.dumps(line), flush=True)

    result = scores(model, images[held_out], masks[held_out])
    print(json.dumps({"activation": options.activation} | result))
    tensors = folded(model)
    tensors["constant.mean"] = torch.tensor([mean])
    tensors["constant.deviation"] = torch.tensor([deviation])
    command = (
        f"python models/training/unet.py --data ISBI2012 --activation {options.activation} --steps {options.steps} "
        f"--batch {options.batch} --crop {options.crop} --rate {options.rate} --seed {options.seed} --out {options.out.name}"
    )
    notes = {
        "command": command,
        "data": "ISBI 2012: images 0 to 23 for training, 24 to 29 held out",
        "held-out dice of membranes (%)": f"{result['dice']:.2f}",
        "held-out iou of membranes (%)": f"{result['iou']:.2f}",
        "held-out pixel error (%)": f"{result['pixel error']:.2f}",
        "seconds": f"{time.time() - start:.0f} on {options.threads} thread(s)",
    }
    save_file(tensors, options.out, metadata={"notes": "\n".join(f"{key}: {value}" for key, value in notes.items())})


if __name__ == "__main__":
    main()
