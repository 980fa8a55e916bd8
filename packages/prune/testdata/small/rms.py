"""Channels that enter an RMSNorm, as PyTorch computes them with some zero wherever they are summed over, the mean square included.

    python rms.py            writes rms.onnx (operators), rms-op.onnx (RMSNormalization of opset 23) and rms.npz beside this file

Needs: torch onnx numpy. Every parameter is drawn at random.
"""

import warnings
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn
from torch.nn import functional as F

warnings.filterwarnings("ignore")
here = Path(__file__).parent
removed = [1, 7, 8, 10]
epsilon = 0.05  # large enough that a wrong one is seen


class RMSNorm(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x):
        return self.weight * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + epsilon))


class Net(nn.Module):
    def __init__(self, width=12):
        super().__init__()
        self.embed = nn.Linear(5, width)
        self.norm1, self.norm2 = RMSNorm(width), RMSNorm(width)
        self.fc1, self.fc2 = nn.Linear(width, 20), nn.Linear(20, width)
        self.head = nn.Linear(width, 4)
        self.keep = None

    def stream(self, x):
        return x if self.keep is None else x * self.keep

    def forward(self, x):
        x = self.stream(self.embed(x))
        x = self.stream(x + self.fc2(F.gelu(self.fc1(self.norm1(x)))))
        return self.head(self.norm2(x).mean(1))


def with_operator(model):
    """Pow, ReduceMean, Add, Sqrt, Div or Reciprocal, Mul, Mul as one RMSNormalization."""
    nodes, scales = [], iter(("norm1.weight", "norm2.weight"))
    skip = {"Pow", "ReduceMean", "Sqrt", "Reciprocal"}
    source = None
    for node in model.graph.node:
        inside = "norm" in node.name and not node.name.startswith("/ReduceMean")
        if not inside:
            nodes.append(node)
        elif node.op_type == "Pow":
            source = node.input[0]
        elif node.op_type == "Mul" and any(i.endswith("weight") for i in node.input):
            scale = next(i for i in node.input if i.endswith("weight"))
            nodes.append(helper.make_node("RMSNormalization", [source, scale], list(node.output), name=node.name, epsilon=epsilon, axis=-1))
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    model.opset_import[0].version = 23
    for node in model.graph.node:
        if node.op_type == "ReduceMean":  # axes are an input by then
            axes = next(a for a in node.attribute if a.name == "axes")
            model.graph.initializer.append(numpy_helper.from_array(np.array(axes.ints, np.int64), "pooled_axes"))
            node.attribute.remove(axes)
            node.input.append("pooled_axes")
    model.ir_version = 10
    return model


torch.manual_seed(3)
net = Net().eval()
with torch.no_grad():
    for name, p in net.named_parameters():
        p.copy_(torch.randn(p.shape) / (p[0].numel() ** 0.5 if p.ndim > 1 else 3) + (1 if "norm" in name else 0))
x = torch.randn(3, 6, 5)
torch.onnx.export(net, (x,), here / "rms.onnx", dynamo=False, opset_version=17, input_names=["x"], output_names=["y"], dynamic_axes={"x": {0: "batch"}})
dense = net(x).detach().numpy()
net.keep = torch.ones(12)
net.keep[removed] = 0
np.savez(here / "rms.npz", x=x.numpy(), dense=dense, masked=net(x).detach().numpy(), removed=np.array(removed, np.int64))
onnx.save(with_operator(onnx.load(here / "rms.onnx")), here / "rms-op.onnx")
onnx.checker.check_model(str(here / "rms-op.onnx"))
