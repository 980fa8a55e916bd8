"""Trains the classifier of the pruning study: MLP 784-40-20-10 (ReLU, no biases) on 8,000 MNIST images.

    python train.py mnist-10k.npz      (numpy, torch, onnx; under a minute on one core)

The argument holds `x` uint8 [10000, 1, 28, 28] and `y` uint8 [10000]: MNIST training images, rows shuffled. Rows 0..7999
train (the first 2,000 of them are testdata/mnist/digits-train.npz), rows 8000..9999 are held out. Writes beside this script:

    mlp.onnx    x float32 [batch, 1, 28, 28] in [0, 1] -> logits [batch, 10]; weights fc1, fc2, fc3 as [out, in]
    test.npz    the 2,000 held-out rows: x uint8, y int64, deflated
"""
import sys
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper

ROWS, EPOCHS, BATCH, RATE, SEED = 8000, 10, 64, 0.05, 0
here = Path(__file__).parent


def train(x, y):
    torch.manual_seed(SEED)
    sizes = [784, 40, 20, 10]
    layers = [torch.nn.Linear(a, b, bias=False) for a, b in zip(sizes, sizes[1:])]
    net = torch.nn.Sequential(layers[0], torch.nn.ReLU(), layers[1], torch.nn.ReLU(), layers[2])
    optimiser = torch.optim.SGD(net.parameters(), lr=RATE, momentum=0.9, weight_decay=1e-4)
    for epoch in range(EPOCHS):
        for rows in torch.randperm(len(x)).split(BATCH):
            optimiser.zero_grad()
            torch.nn.functional.cross_entropy(net(x[rows]), y[rows]).backward()
            optimiser.step()
    return net, layers


def save(layers, path):
    weights = [numpy_helper.from_array(l.weight.detach().numpy(), f"fc{i + 1}.weight") for i, l in enumerate(layers)]
    nodes, value = [helper.make_node("Flatten", ["x"], ["flat"], name="flatten")], "flat"
    for i in range(3):
        out = "logits" if i == 2 else f"fc{i + 1}_out"
        nodes.append(helper.make_node("Gemm", [value, f"fc{i + 1}.weight"], [out], name=f"fc{i + 1}", transB=1))
        if i < 2:
            nodes.append(helper.make_node("Relu", [out], [f"relu{i + 1}_out"], name=f"relu{i + 1}"))
            value = f"relu{i + 1}_out"
    graph = helper.make_graph(
        nodes,
        "mnist-mlp",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 1, 28, 28])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", 10])],
        weights,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, path)


torch.set_num_threads(1)
data = np.load(sys.argv[1])
x = torch.from_numpy(data["x"]).float().reshape(-1, 784) / 255
y = torch.from_numpy(data["y"].astype(np.int64))
net, layers = train(x[:ROWS], y[:ROWS])
with torch.no_grad():
    for name, part in (("train", slice(0, ROWS)), ("test", slice(ROWS, None))):
        print(f"{name} accuracy {(net(x[part]).argmax(1) == y[part]).double().mean().item():.4f}")
save(layers, here / "mlp.onnx")
np.savez_compressed(here / "test.npz", x=data["x"][ROWS:], y=data["y"][ROWS:].astype(np.int64))
