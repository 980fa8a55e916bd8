"""Bags of embeddings beside a linear layer: a Loop, whose output has a shape that is not known beforehand, in a concatenation.

    python bags.py            writes bags.onnx beside this file

Needs: torch onnx. Every parameter is drawn at random.
"""

import warnings
from pathlib import Path

import torch
from torch import nn

warnings.filterwarnings("ignore")


class Bags(nn.Module):
    def __init__(self, width=6):
        super().__init__()
        self.bag, self.dense = nn.EmbeddingBag(20, width, mode="sum"), nn.Linear(4, width)
        self.mix, self.out = nn.Linear(2 * width, 2 * width), nn.Linear(2 * width, 1)

    def forward(self, x, ids):
        joined = torch.cat([self.dense(x), self.bag(ids)], -1)
        return self.out(joined * self.mix(joined))


torch.manual_seed(0)
inputs = (torch.randn(3, 4), torch.randint(0, 20, (3, 5)))
torch.onnx.export(Bags().eval(), inputs, Path(__file__).parent / "bags.onnx", dynamo=False, opset_version=17, input_names=["x", "ids"], output_names=["y"])
