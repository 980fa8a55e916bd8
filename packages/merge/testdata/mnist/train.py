"""Trains the models of the MNIST study and writes them with their data.

    python train.py MNIST.npz        x uint8 [n, 1, 28, 28], y uint8 [n]: rows of MNIST's training images, shuffled

Rows 0..149 train the base, rows 0..719 the tasks (digits 0-3, 4-6 and 7-9), rows 720..959 are for choosing (validation),
rows 960..1559 for testing. For each of five seeds:

    base      three convolutions 1-8-12-16 (3 x 3, stride 2, ReLU) and a linear layer, trained briefly on the base's rows
    task a    the base, fine-tuned on the digits 0..3 among the task rows; b: 4..6; c: 7..9

Needs torch, numpy and onnx; some seconds on one core. Writes beside this script:

    base.npz, train-{a,b,c}.npz, valid-{a,b,c}.npz, test.npz   x uint8 [rows, 1, 28, 28], y uint8 [rows]; multiply x by 1/255
    {base,a,b,c}-{0..4}.onnx                                   input x float32 [batch, 1, 28, 28] in 0..1, output logits
"""

import sys
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

here = Path(__file__).parent
base_rows, task_rows, test_from, rows_used = 150, 720, 960, 1560
tasks = {"a": range(0, 4), "b": range(4, 7), "c": range(7, 10)}
channels = [1, 8, 12, 16]


def cnn() -> nn.Sequential:
    layers = []
    for before, after in zip(channels, channels[1:]):
        layers += [nn.Conv2d(before, after, 3, stride=2, padding=1), nn.ReLU()]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(16 * 4 * 4, 10))


def train(model, x, y, epochs, rate, generator):
    optimizer = torch.optim.Adam(model.parameters(), lr=rate)
    for _ in range(epochs):
        for rows in torch.randperm(len(x), generator=generator).split(32):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(x[rows]), y[rows]).backward()
            optimizer.step()


def write(model, path):
    """As plain nodes: the same bytes with every version of the exporter."""
    nodes, weights, value = [], [], "x"
    for i, layer in enumerate(layer for layer in model if isinstance(layer, nn.Conv2d)):
        weights += tensors(f"conv{i}", layer)
        inputs = [value, f"conv{i}.weight", f"conv{i}.bias"]
        how = {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1]}
        nodes.append(helper.make_node("Conv", inputs, [f"conv{i}"], name=f"conv{i}", **how))
        nodes.append(helper.make_node("Relu", [f"conv{i}"], [f"relu{i}"], name=f"relu{i}"))
        value = f"relu{i}"
    weights += tensors("fc", model[-1])
    nodes.append(helper.make_node("Flatten", [value], ["flat"], name="flat", axis=1))
    nodes.append(helper.make_node("Gemm", ["flat", "fc.weight", "fc.bias"], ["logits"], name="fc", transB=1))
    graph = helper.make_graph(
        nodes,
        "mnist",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 1, 28, 28])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", 10])],
        weights,
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)


def tensors(name, layer):
    return [
        numpy_helper.from_array(layer.weight.detach().float().numpy(), f"{name}.weight"),
        numpy_helper.from_array(layer.bias.detach().float().numpy(), f"{name}.bias"),
    ]


def save(name, images, labels, rows):
    np.savez_compressed(here / f"{name}.npz", x=images[rows], y=labels[rows])


def report(name, model, x, y):
    with torch.no_grad():
        logits = model(x)
        loss = nn.functional.cross_entropy(logits, y).item()
        right = (logits.argmax(1) == y).double().mean().item()
    print(f"  {name:8s} {100 * right:5.1f} %  {loss:.3f}", flush=True)


def main():
    torch.set_num_threads(1)
    mnist = np.load(sys.argv[1])
    images, labels = mnist["x"][:rows_used], mnist["y"][:rows_used]
    number = np.arange(rows_used)
    save("base", images, labels, number < base_rows)
    save("test", images, labels, number >= test_from)
    for name, own in tasks.items():
        mine = np.isin(labels, list(own))
        save(f"train-{name}", images, labels, (number < task_rows) & mine)
        save(f"valid-{name}", images, labels, (number >= task_rows) & (number < test_from) & mine)
    x, y = torch.tensor(images / 255.0, dtype=torch.float32), torch.tensor(labels.astype(np.int64))
    for seed in range(5):
        print(f"seed {seed}")
        torch.manual_seed(seed)
        generator = torch.Generator().manual_seed(seed)
        base = cnn()
        train(base, x[:base_rows], y[:base_rows], 20, 2e-3, generator)
        write(base, here / f"base-{seed}.onnx")
        report("base", base, x[test_from:], y[test_from:])
        average = [torch.zeros_like(p) for p in base.parameters()]
        for name, own in tasks.items():
            model = cnn()
            model.load_state_dict(base.state_dict())
            mine = torch.tensor([int(label) in own for label in labels])
            train(model, x[:task_rows][mine[:task_rows]], y[:task_rows][mine[:task_rows]], 6, 1e-3, generator)
            write(model, here / f"{name}-{seed}.onnx")
            report(f"{name} own", model, x[test_from:][mine[test_from:]], y[test_from:][mine[test_from:]])
            average = [total + p.detach() / len(tasks) for total, p in zip(average, model.parameters())]
        for p, mean in zip(base.parameters(), average):
            p.data = mean
        report("average", base, x[test_from:], y[test_from:])


main()
