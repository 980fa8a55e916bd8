"""Trains the models of the digits study and writes them with their data.

    python train.py

scikit-learn's 1,797 digits of 8 x 8 (pixels 0..16), rows shuffled once (seed 0). Rows 0..99 train the base, rows 0..1199 the
tasks (digits 0-4 and 5-9), rows 1200..1399 are for choosing (validation), rows 1400..1796 for testing. For each of five seeds:

    base    an MLP 64-40-40-10 (ReLU), trained briefly on all ten digits of the base's rows: a weak common start
    task a  the base, fine-tuned on the digits 0..4 among the task rows
    task b  the base, fine-tuned on the digits 5..9

Needs torch, numpy, onnx and scikit-learn; half a minute on one core. Writes beside this script:

    base.npz, train-{a,b}.npz, valid-{a,b}.npz, test.npz   x uint8 [rows, 64], y uint8 [rows]; multiply x by 1/16
    {base,a,b}-{0..4}.onnx                                 input x float32 [batch, 64] in 0..1, output logits
"""

from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from sklearn.datasets import load_digits
from torch import nn

here = Path(__file__).parent
base_rows, task_rows, test_from = 100, 1200, 1400
tasks = {"a": range(0, 5), "b": range(5, 10)}


def mlp() -> nn.Sequential:
    return nn.Sequential(nn.Linear(64, 40), nn.ReLU(), nn.Linear(40, 40), nn.ReLU(), nn.Linear(40, 10))


def train(model, x, y, epochs, rate, decay, generator):
    optimizer = torch.optim.Adam(model.parameters(), lr=rate, weight_decay=decay)
    for _ in range(epochs):
        for rows in torch.randperm(len(x), generator=generator).split(32):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(x[rows]), y[rows]).backward()
            optimizer.step()


def write(model, path):
    """As plain Gemm and Relu nodes: the same bytes with every version of the exporter."""
    linears = [layer for layer in model if isinstance(layer, nn.Linear)]
    nodes, weights, value = [], [], "x"
    for i, layer in enumerate(linears):
        weights.append(numpy_helper.from_array(layer.weight.detach().float().numpy(), f"fc{i}.weight"))
        weights.append(numpy_helper.from_array(layer.bias.detach().float().numpy(), f"fc{i}.bias"))
        last = i == len(linears) - 1
        out = "logits" if last else f"fc{i}"
        nodes.append(helper.make_node("Gemm", [value, f"fc{i}.weight", f"fc{i}.bias"], [out], name=f"fc{i}", transB=1))
        value = out
        if not last:
            nodes.append(helper.make_node("Relu", [value], [f"relu{i}"], name=f"relu{i}"))
            value = f"relu{i}"
    graph = helper.make_graph(
        nodes,
        "digits",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 64])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", 10])],
        weights,
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)


def save(name, pixels, labels, rows):
    np.savez_compressed(here / f"{name}.npz", x=pixels[rows], y=labels[rows])


def report(name, model, x, y):
    with torch.no_grad():
        logits = model(x)
        loss = nn.functional.cross_entropy(logits, y).item()
        right = (logits.argmax(1) == y).double().mean().item()
    print(f"  {name:8s} {100 * right:5.1f} %  {loss:.3f}")


def main():
    digits = load_digits()
    order = np.random.default_rng(0).permutation(len(digits.target))
    pixels, labels = digits.data[order].astype(np.uint8), digits.target[order].astype(np.uint8)
    number = np.arange(len(labels))
    save("base", pixels, labels, number < base_rows)
    save("test", pixels, labels, number >= test_from)
    for name, own in tasks.items():
        save(f"train-{name}", pixels, labels, (number < task_rows) & np.isin(labels, list(own)))
        save(f"valid-{name}", pixels, labels, (number >= task_rows) & (number < test_from) & np.isin(labels, list(own)))
    x, y = torch.tensor(pixels / 16.0, dtype=torch.float64), torch.tensor(labels.astype(np.int64))
    for seed in range(5):
        print(f"seed {seed}")
        torch.manual_seed(seed)
        generator = torch.Generator().manual_seed(seed)
        base = mlp().double()
        train(base, x[:base_rows], y[:base_rows], 60, 1e-3, 0.0, generator)
        write(base, here / f"base-{seed}.onnx")
        report("base", base, x[test_from:], y[test_from:])
        average = [torch.zeros_like(p) for p in base.parameters()]
        for name, own in tasks.items():
            model = mlp().double()
            model.load_state_dict(base.state_dict())
            mine = torch.tensor([int(label) in own for label in labels])
            train(model, x[:task_rows][mine[:task_rows]], y[:task_rows][mine[:task_rows]], 10, 1e-3, 0.0, generator)
            write(model, here / f"{name}-{seed}.onnx")
            report(f"{name} own", model, x[test_from:][mine[test_from:]], y[test_from:][mine[test_from:]])
            average = [sum_ + p.detach() / 2 for sum_, p in zip(average, model.parameters())]
        for p, mean in zip(base.parameters(), average):
            p.data = mean
        report("average", base, x[test_from:], y[test_from:])


main()
