"""Trains the demo's digit classifier and writes its model and data.

    python train.py mnist-10k.npz

The argument holds `x` uint8 [10000, 1, 28, 28] and `y` uint8 [10000]: MNIST training images, rows shuffled.
Rows 0..7999 train, rows 8000..9999 are held out. Needs torch, onnx and onnxscript; about a minute on one core.
Writes beside this script:

    digits-cnn.onnx         TorchScript exporter, opset 17, dynamic batch: x float32 [batch, 1, 28, 28] in [0, 1] -> logits
    digits-cnn.dynamo.onnx  the same model by the dynamo exporter
    digits.npz              512 held-out rows (8000..8511): x uint8, y int64, deflated
    digits-train.npz        the first 2,000 training rows, likewise
"""

import sys
from collections import OrderedDict
from pathlib import Path

import numpy as np
import onnx
import torch
from torch import nn

here = Path(__file__).parent
train_rows, held_out, seed, epochs = 8000, 512, 0, 15


def classifier() -> nn.Module:
    return nn.Sequential(
        OrderedDict(
            conv1=nn.Conv2d(1, 8, 3, padding=1),
            relu1=nn.ReLU(),
            pool1=nn.MaxPool2d(2),
            conv2=nn.Conv2d(8, 16, 3, padding=1),
            relu2=nn.ReLU(),
            pool2=nn.MaxPool2d(2),
            flatten=nn.Flatten(),
            head=nn.Linear(16 * 7 * 7, 10),
        )
    )


def accuracy(model: nn.Module, x: torch.Tensor, y: torch.Tensor) -> float:
    with torch.no_grad():
        return (model(x).argmax(1) == y).double().mean().item()


def train(model: nn.Module, x: torch.Tensor, y: torch.Tensor) -> None:
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=1e-2)
    steps = epochs * (len(x) // 64)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=steps)
    for epoch in range(epochs):
        order = torch.randperm(len(x))
        for rows in order.split(64):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(x[rows]), y[rows])
            loss.backward()
            optimizer.step()
            schedule.step()
        print(f"epoch {epoch + 1}: last batch's loss {loss.item():.4f}")


def export(model: nn.Module) -> None:
    example = torch.zeros(2, 1, 28, 28)
    names = {"input_names": ["x"], "output_names": ["logits"]}
    torch.onnx.export(
        model, (example,), here / "digits-cnn.onnx", opset_version=17, dynamo=False,
        dynamic_axes={"x": {0: "batch"}, "logits": {0: "batch"}}, **names,
    )
    torch.onnx.export(
        model, (example,), here / "digits-cnn.dynamo.onnx", opset_version=18, dynamo=True, external_data=False,
        dynamic_shapes=({0: torch.export.Dim("batch")},), **names,
    )
    forget_paths(here / "digits-cnn.dynamo.onnx")


def forget_paths(path: Path) -> None:
    """The dynamo exporter notes stack traces, with this machine's folders, at every node."""
    model = onnx.load(path)
    for node in model.graph.node:
        kept = [entry for entry in node.metadata_props if entry.key != "pkg.torch.onnx.stack_trace"]
        del node.metadata_props[:]
        node.metadata_props.extend(kept)
    onnx.save(model, path)


def main() -> None:
    torch.set_num_threads(1)
    torch.backends.nnpack.set_flags(False)
    torch.manual_seed(seed)
    data = np.load(sys.argv[1])
    images, labels = data["x"], data["y"].astype(np.int64)
    x, y = torch.from_numpy(images).float() / 255, torch.from_numpy(labels)

    model = classifier()
    print(f"{sum(p.numel() for p in model.parameters())} parameters")
    train(model, x[:train_rows], y[:train_rows])
    model.eval()
    print(f"accuracy, rows 0..{train_rows - 1}:    {accuracy(model, x[:train_rows], y[:train_rows]):.4f}")
    print(f"accuracy, rows {train_rows}..9999: {accuracy(model, x[train_rows:], y[train_rows:]):.4f}")
    shown = slice(train_rows, train_rows + held_out)
    print(f"accuracy, digits.npz:      {accuracy(model, x[shown], y[shown]):.4f}")

    export(model)
    np.savez_compressed(here / "digits.npz", x=images[shown], y=labels[shown])
    np.savez_compressed(here / "digits-train.npz", x=images[:2000], y=labels[:2000])


main()
