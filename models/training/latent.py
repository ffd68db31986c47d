"""Trains LeNet or ResNet-20 of Latent-HE (Kim et al.) on the 1,000 reduced chest X-rays of NIH ChestX-ray14: a demonstration, not the paper's
accuracy, for which 112,120 images and the autoencoder would be needed.

    python models/training/latent.py --data DIR --network lenet --out models/weights/lenet.safetensors
    python models/training/latent.py --data DIR --network resnet-20 --out models/weights/resnet-20.safetensors

DIR holds `labels14.csv` and `NIH1000.tar.gz`. Images of 64 x 64 become 4 x 32 x 32 by space-to-depth. The parts are split by patient: one
with images in several parts is wholly in the first of them (train, valid, test), as in the loader.

Activations are polynomials a x^2 + b x + c, one triple a layer, that begin as x^2 / 8 + x / 2 + 1 / 4. Arguments are cut off at a limit in the first part of training and penalised beyond it throughout, as for the U-Net.
"""

import argparse
import csv
import io
import json
import math
import tarfile
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save_file
from sklearn.metrics import roc_auc_score
from torch import nn
from torch.nn import functional as F

PARTS = ["train", "valid", "test"]
CLASSES = 14


class Poly(nn.Module):
    """A learned polynomial: coefficients from the constant up."""

    LIMIT = 4.0
    cut = True
    excess = 0.0

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor([0.25, 0.5, 0.125]))

    def forward(self, x):
        beyond = F.relu(x.abs() - Poly.LIMIT)
        Poly.excess = Poly.excess + beyond.square().mean() + 1e-3 * beyond.amax()
        if Poly.cut:
            x = x.clamp(-Poly.LIMIT, Poly.LIMIT)
        c, b, a = self.weight
        return (a * x + b) * x + c


class LeNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(4, 32, 5)
        self.conv2 = nn.Conv2d(32, 64, 5, groups=4)
        self.conv3 = nn.Conv2d(64, 128, 5)
        self.act1, self.act2, self.act3, self.act4 = Poly(), Poly(), Poly(), Poly()
        self.fc1, self.fc2 = nn.Linear(128, 64), nn.Linear(64, CLASSES)
        self.dropout = nn.Dropout(0.3)

    def forward(self, x):
        x = F.avg_pool2d(self.act1(self.conv1(x)), 2)
        x = F.avg_pool2d(self.act2(self.conv2(x)), 2)
        x = self.act3(self.conv3(x)).mean((2, 3))
        return self.fc2(self.dropout(self.act4(self.fc1(x))))


class Normalised(nn.Conv2d):
    def __init__(self, ins, outs, kernel, stride=1):
        super().__init__(ins, outs, kernel, stride=stride, padding=kernel // 2, bias=False)
        self.norm = nn.BatchNorm2d(outs)

    def forward(self, x):
        return self.norm(super().forward(x))


class Block(nn.Module):
    def __init__(self, ins, outs, stride):
        super().__init__()
        self.conv1, self.act, self.conv2 = Normalised(ins, outs, 3, stride), Poly(), Normalised(outs, outs, 3)
        self.shortcut = Normalised(ins, outs, 1, stride) if stride > 1 else nn.Identity()
        # No activation follows the addition, so that the sum would grow from block to block.
        nn.init.constant_(self.conv2.norm.weight, 0.3)

    def forward(self, x):
        return self.conv2(self.act(self.conv1(x))) + self.shortcut(x)


class Stem(Normalised):
    def __init__(self):
        super().__init__(4, 16, 3)
        self.act = Poly()

    def forward(self, x):
        return self.act(super().forward(x))


class ResNet20(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = Stem()
        channels = 16
        for stage, width in enumerate([16, 32, 64], 1):
            blocks = []
            for index in range(3):
                blocks.append(Block(channels, width, 2 if stage > 1 and index == 0 else 1))
                channels = width
            setattr(self, f"stage{stage}", nn.Sequential(*blocks))
        self.dropout = nn.Dropout(0.3)
        self.fc = nn.Linear(64, CLASSES)

    def forward(self, x):
        return self.fc(self.dropout(self.stage3(self.stage2(self.stage1(self.stem(x)))).mean((2, 3))))


def load(folder):
    """Inputs and labels by part."""
    with open(folder / "labels14.csv", newline="") as file:
        rows = list(csv.reader(file))[1:]
    home = {}
    for split, _, name, *_ in rows:
        patient = name.split("_")[0]
        home[patient] = min(home.get(patient, 9), PARTS.index(split))
    archive = tarfile.open(folder / "NIH1000.tar.gz")
    data = {part: ([], []) for part in PARTS}
    for split, kind, name, _, *findings in rows:
        bytes_ = archive.extractfile(f"NIH1000/{split}/{kind}/{name}").read()
        pixels = np.asarray(Image.open(io.BytesIO(bytes_)).convert("L"), dtype=np.float32)
        corners = [pixels[corner // 2 :: 2, corner % 2 :: 2] for corner in range(4)]
        inputs, labels = data[PARTS[home[name.split("_")[0]]]]
        inputs.append((np.stack(corners) - 127.5) / 63.75)
        labels.append([float(finding) for finding in findings])
    return {part: (torch.tensor(np.stack(x)), torch.tensor(y)) for part, (x, y) in data.items()}


def augmented(x, rng):
    """Mirrored, shifted by up to two lines and columns (four pixels of the image), changed a little in brightness."""
    out = []
    for image in x:
        if rng.integers(2):
            # A mirrored image swaps left and right columns, and with them the corners.
            image = image.flip(2)[[1, 0, 3, 2]]
        dy, dx = rng.integers(-2, 3, 2)
        image = F.pad(image[None], (2, 2, 2, 2), mode="replicate")[0, :, 2 + dy : 34 + dy, 2 + dx : 34 + dx]
        out.append(image * (1 + 0.1 * rng.uniform(-1, 1)) + 0.1 * rng.uniform(-1, 1))
    return torch.stack(out)


@torch.no_grad()
def scores(model, x, y):
    """AUROC over all findings together (micro), and the mean over those that occur (macro)."""
    model.eval()
    cut, Poly.cut = Poly.cut, False
    logits = model(x).numpy()
    Poly.cut = cut
    y = y.numpy()
    if not np.isfinite(logits).all():
        return {"micro": 0.0, "macro": 0.0}
    occurring = [k for k in range(CLASSES) if 0 < y[:, k].sum() < len(y)]
    macro = np.mean([roc_auc_score(y[:, k], logits[:, k]) for k in occurring])
    return {"micro": roc_auc_score(y.ravel(), logits.ravel()), "macro": float(macro)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--network", choices=["lenet", "resnet-20"], required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    rng = np.random.default_rng(options.seed)
    data = load(options.data)
    (x, y), (valid_x, valid_y), (test_x, test_y) = (data[part] for part in PARTS)
    model = LeNet() if options.network == "lenet" else ResNet20()
    optimizer = torch.optim.AdamW(model.parameters(), lr=options.rate, weight_decay=5e-2)
    batches = math.ceil(len(x) / options.batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, options.rate, total_steps=options.epochs * batches)
    start = time.time()
    for epoch in range(1, options.epochs + 1):
        frozen = epoch > options.epochs * 6 // 10
        order, total = rng.permutation(len(x)), 0.0
        for part in np.array_split(order, batches):
            model.train()
            if frozen:
                for module in model.modules():
                    if isinstance(module, nn.BatchNorm2d):
                        module.eval()
            Poly.cut, Poly.excess = not frozen, 0.0
            loss = F.binary_cross_entropy_with_logits(model(augmented(x[part], rng)), y[part])
            total += loss.item() / batches
            optimizer.zero_grad()
            (loss + Poly.excess).backward()
            if nn.utils.clip_grad_norm_(model.parameters(), 1.0).isfinite():
                optimizer.step()
            schedule.step()
        line = {"epoch": epoch, "loss": round(total, 4), "seconds": round(time.time() - start)}
        if epoch % 5 == 0:
            line["validation"] = {k: round(float(v), 4) for k, v in scores(model, valid_x, valid_y).items()}
        print(json.dumps(line), flush=True)
    validation, test = scores(model, valid_x, valid_y), scores(model, test_x, test_y)
    print(json.dumps({"network": options.network, "validation": validation, "test": test}))
    tensors = {
        name: tensor.detach().float().contiguous()
        for name, tensor in model.state_dict().items()
        if not name.endswith("num_batches_tracked")
    }
    notes = {
        "command": f"python models/training/latent.py --data NIH --network {options.network} --epochs {options.epochs} "
        f"--batch {options.batch} --rate {options.rate} --seed {options.seed} --out {options.out.name}",
        "data": f"{len(x)} training, {len(valid_x)} validation, {len(test_x)} test images of NIH ChestX-ray14, split by patient: a demonstration",
        "validation AUROC": f"micro {validation['micro']:.3f}, macro {validation['macro']:.3f}",
        "test AUROC": f"micro {test['micro']:.3f}, macro {test['macro']:.3f}",
    }
    save_file(tensors, options.out, metadata={"notes": "\n".join(f"{key}: {value}" for key, value in notes.items())})


if __name__ == "__main__":
    main()
