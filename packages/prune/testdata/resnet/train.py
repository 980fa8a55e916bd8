"""Trains a residual network of eight layers on digits, and exports it with its norms folded into the convolutions.

    python train.py MNIST.npz        writes resnet8.onnx beside this file

MNIST.npz: x uint8 [n, 1, 28, 28], y [n]; the first 8,000 rows are trained on, the next 2,000 are held out
(they are ../mnist/test.npz). Takes minutes on one core.
Needs: torch onnx numpy.
"""

import sys
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

here = Path(__file__).parent
train_rows, held_out_rows, epochs, batch = 8000, 2000, 6, 100


class Block(nn.Module):
    def __init__(self, c_in, c_out, stride):
        super().__init__()
        self.conv1, self.norm1 = nn.Conv2d(c_in, c_out, 3, stride, 1, bias=False), nn.BatchNorm2d(c_out)
        self.conv2, self.norm2 = nn.Conv2d(c_out, c_out, 3, 1, 1, bias=False), nn.BatchNorm2d(c_out)
        same = stride == 1 and c_in == c_out
        self.short = nn.Identity() if same else nn.Sequential(nn.Conv2d(c_in, c_out, 1, stride, bias=False), nn.BatchNorm2d(c_out))

    def forward(self, x):
        y = F.relu(self.norm1(self.conv1(x)))
        return F.relu(self.norm2(self.conv2(y)) + self.short(x))


class ResNet8(nn.Module):
    def __init__(self, widths=(32, 64, 96)):
        super().__init__()
        a, b, c = widths
        self.stem, self.norm = nn.Conv2d(1, a, 3, padding=1, bias=False), nn.BatchNorm2d(a)
        self.blocks = nn.Sequential(Block(a, a, 1), Block(a, b, 2), Block(b, c, 2))
        self.fc = nn.Linear(c, 10)

    def forward(self, x):
        x = self.blocks(F.relu(self.norm(self.stem(x))))
        return self.fc(F.adaptive_avg_pool2d(x, 1).flatten(1))


def main(path):
    data = np.load(path)
    x, y = torch.tensor(data["x"]).float() / 255, torch.tensor(data["y"].astype(np.int64))
    torch.manual_seed(0)
    model = ResNet8()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.2, momentum=0.9, weight_decay=5e-4, nesterov=True)
    steps = epochs * train_rows // batch
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.2, steps)
    start = time.time()
    for epoch in range(epochs):
        order = torch.randperm(train_rows)
        for rows in order.split(batch):
            shifts = torch.randint(-2, 3, (2,)).tolist()
            loss = F.cross_entropy(model(torch.roll(x[rows], shifts, (2, 3))), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
        print(f"epoch {epoch + 1}: loss {loss.item():.4f}, {time.time() - start:.0f} s", flush=True)
    model.eval()
    held = slice(train_rows, train_rows + held_out_rows)
    with torch.no_grad():
        for name, rows in {"training": slice(0, train_rows), "held-out": held}.items():
            print(f"{name} accuracy {(model(x[rows]).argmax(1) == y[rows]).float().mean().item():.4f}")
    torch.onnx.export(
        model, (x[:2],), here / "resnet8.onnx", dynamo=False, opset_version=17,
        input_names=["x"], output_names=["logits"], dynamic_axes={"x": {0: "batch"}, "logits": {0: "batch"}},
    )  # fmt: skip


main(sys.argv[1])
