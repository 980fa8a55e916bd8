"""A regression of one number on one, with a gap in the data: 80 rows of a noisy sine, and an MLP 1-16-1 trained on them.

python make.py        (torch, onnx, numpy): writes line.npz, query.npz and line.onnx
"""
import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper

rng = np.random.default_rng(0)


def rows(n):
    x = np.concatenate([rng.uniform(-3, -0.8, n // 2), rng.uniform(0.8, 3, n - n // 2)])
    return x[:, None].astype(np.float32), (np.sin(1.5 * x) + 0.15 * rng.normal(size=n))[:, None].astype(np.float32)


x, y = rows(80)
qx, qy = rows(200)
np.savez("line.npz", x=x, y=y)
np.savez("query.npz", x=qx, y=qy)

torch.manual_seed(0)
net = torch.nn.Sequential(torch.nn.Linear(1, 16), torch.nn.Tanh(), torch.nn.Linear(16, 1))
opt = torch.optim.Adam(net.parameters(), lr=0.02)
for step in range(3000):
    opt.zero_grad()
    loss = ((net(torch.tensor(x)) - torch.tensor(y)) ** 2).sum() / (2 * 0.15**2)
    (loss + 0.5 * sum((p**2).sum() for p in net.parameters())).backward()
    opt.step()
    if step == 2000:
        opt.param_groups[0]["lr"] = 0.003
params = {k: v.detach().numpy() for k, v in net.state_dict().items()}
names = {"0.weight": "fc1.weight", "0.bias": "fc1.bias", "2.weight": "fc2.weight", "2.bias": "fc2.bias"}
graph = helper.make_graph(
    [
        helper.make_node("Gemm", ["x", "fc1.weight", "fc1.bias"], ["z"], transB=1),
        helper.make_node("Tanh", ["z"], ["a"]),
        helper.make_node("Gemm", ["a", "fc2.weight", "fc2.bias"], ["f"], transB=1),
    ],
    "line",
    [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["rows", 1])],
    [helper.make_tensor_value_info("f", TensorProto.FLOAT, ["rows", 1])],
    [numpy_helper.from_array(params[k], n) for k, n in names.items()],
)
onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10), "line.onnx")
print(float(((net(torch.tensor(qx)).detach().numpy() - qy) ** 2).mean() ** 0.5))
