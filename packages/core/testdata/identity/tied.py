"""Writes tied.onnx: a bag of words whose output layer is its embedding, by PyTorch's TorchScript exporter.

The exporter stores the output layer as a transposed copy of the embedding. Needs torch.
"""

from pathlib import Path

import torch
from torch import nn


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.mix = nn.Embedding(7, 4), nn.Linear(4, 4)
        self.head = nn.Linear(4, 7, bias=False)
        self.head.weight = self.embed.weight

    def forward(self, tokens):
        hidden = torch.tanh(self.mix(self.embed(tokens).mean(1)))
        # Of three axes, so that the exporter writes a product with the transposed weight.
        return self.head(hidden.unsqueeze(1)).squeeze(1), hidden


torch.manual_seed(1)
torch.onnx.export(
    Tied().eval(),
    (torch.randint(0, 7, (3, 5)),),
    Path(__file__).with_name("tied.onnx"),
    input_names=["tokens"],
    output_names=["logits", "hidden"],
    dynamic_axes={"tokens": {0: "batch"}},
    dynamo=False,
    opset_version=17,
)
