"""Attention whose heads share keys and values, in groups and all together, and what PyTorch computes without some heads.

    python attention.py        writes grouped-query and multi-query, by both exporters, and attention.npz beside this file

Needs: torch onnx onnxscript numpy. Every parameter is drawn at random. A head is zero where the output layer sums over it.
"""

import warnings
from pathlib import Path

import numpy as np
import torch
from torch import nn

warnings.filterwarnings("ignore")
here = Path(__file__).parent


class Attention(nn.Module):
    def __init__(self, shared, width=12, heads=4, each=5):
        super().__init__()
        self.heads, self.shared, self.each = heads, shared, each
        self.q = nn.Linear(width, heads * each)
        self.k, self.v = nn.Linear(width, shared * each), nn.Linear(width, shared * each)
        self.out = nn.Linear(heads * each, 3)
        self.keep = None

    def spread(self, x):
        n, _, t, d = x.shape
        return x[:, :, None].expand(n, self.shared, self.heads // self.shared, t, d).reshape(n, self.heads, t, d)

    def forward(self, x):
        n, t, _ = x.shape
        part = lambda y, heads: y.reshape(n, t, heads, self.each).transpose(1, 2)
        q, k, v = part(self.q(x), self.heads), part(self.k(x), self.shared), part(self.v(x), self.shared)
        y = torch.softmax(q @ self.spread(k).transpose(2, 3) * self.each**-0.5, -1) @ self.spread(v)
        if self.keep is not None:
            y = y * self.keep[:, None, None]
        return self.out(y.transpose(1, 2).reshape(n, t, -1))


arrays = {}
# name: (heads of keys and values, heads that go)
for seed, (name, (shared, gone)) in enumerate({"grouped-query": (2, [2, 3]), "multi-query": (1, [0, 2])}.items()):
    torch.manual_seed(seed)
    model = Attention(shared).eval()
    x = torch.randn(2, 6, 12)
    options = {"input_names": ["x"], "output_names": ["y"]}
    torch.onnx.export(model, (x,), here / f"{name}.ts.onnx", dynamo=False, opset_version=17, dynamic_axes={"x": {0: "batch"}}, **options)
    torch.onnx.export(model, (x,), here / f"{name}.dynamo.onnx", dynamo=True, external_data=False, verbose=False, **options)
    arrays[f"{name}.x"], arrays[f"{name}.dense"] = x.numpy(), model(x).detach().numpy()
    model.keep = torch.ones(4)
    model.keep[gone] = 0
    arrays[f"{name}.masked"] = model(x).detach().numpy()
np.savez(here / "attention.npz", **arrays)
