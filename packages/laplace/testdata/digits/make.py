"""Trains the digit classifiers: MLP 64-50-50-10 (ReLU), five seeds, on the first 1,200 rows of scikit-learn's digits, shuffled.

python make.py        (numpy, scikit-learn, torch, onnx): writes digits.npz and mlp-<seed>.onnx

Adam 1e-3 with weight decay in the loss, i.e. a Gaussian prior: the minimum of mean cross-entropy + decay/2 ||theta||^2 is the
mode of a posterior with prior precision decay * 1200. Input `x` [batch, 64] in [0, 1], output `logits`.
"""
import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from sklearn.datasets import load_digits

ROWS, DECAY, EPOCHS, BATCH = 1200, 5e-4, 100, 64
x, y = load_digits(return_X_y=True)
order = np.random.default_rng(0).permutation(len(x))
x, y = x[order].astype(np.uint8), y[order].astype(np.uint8)
np.savez_compressed("digits.npz", x=x, y=y)
X = torch.tensor(x / 16, dtype=torch.float32)
Y = torch.tensor(y.astype(np.int64))


def train(seed):
    torch.manual_seed(seed)
    net = torch.nn.Sequential(torch.nn.Linear(64, 50), torch.nn.ReLU(), torch.nn.Linear(50, 50), torch.nn.ReLU(), torch.nn.Linear(50, 10))
    optimiser = torch.optim.Adam(net.parameters(), lr=1e-3, weight_decay=DECAY)
    for epoch in range(EPOCHS):
        for rows in torch.randperm(ROWS).split(BATCH):
            optimiser.zero_grad()
            torch.nn.functional.cross_entropy(net(X[rows]), Y[rows]).backward()
            optimiser.step()
    return net


def save(net, path):
    names = ["fc1", "fc2", "fc3"]
    tensors, nodes, value = [], [], "x"
    for i, (name, layer) in enumerate(zip(names, net[::2])):
        for part in ("weight", "bias"):
            tensors.append(numpy_helper.from_array(getattr(layer, part).detach().numpy(), f"{name}.{part}"))
        out = "logits" if i == 2 else f"{name}_out"
        nodes.append(helper.make_node("Gemm", [value, f"{name}.weight", f"{name}.bias"], [out], name=name, transB=1))
        if i < 2:
            nodes.append(helper.make_node("Relu", [out], [f"relu{i + 1}_out"], name=f"relu{i + 1}"))
            value = f"relu{i + 1}_out"
    graph = helper.make_graph(nodes, "digits", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 64])],
                              [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", 10])], tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, path)


for seed in range(5):
    net = train(seed)
    save(net, f"mlp-{seed}.onnx")
    with torch.no_grad():
        f = net(X[ROWS:])
        p = f.softmax(1)
        conf, hit = p.max(1)[0], (p.argmax(1) == Y[ROWS:]).float()
        ece = sum(abs((hit[m] - conf[m]).sum()) for b in range(15) for m in [(conf > b / 15) & (conf <= (b + 1) / 15)]) / len(f)
        print(f"seed {seed}: held-out NLL {torch.nn.functional.cross_entropy(f, Y[ROWS:]):.4f}, accuracy {hit.mean():.4f}, "
              f"ECE {ece:.4f}, train NLL {torch.nn.functional.cross_entropy(net(X[:ROWS]), Y[:ROWS]):.4f}")
