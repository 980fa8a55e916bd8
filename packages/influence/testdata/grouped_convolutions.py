"""kronfluence's reference values of grouped convolutions, depth-wise ones among them, in float64, beside those of regressions.py.

That library averages the inputs of a grouped convolution over its groups, in factors and in gradients alike.

    python grouped_convolutions.py        writes kronfluence_{grouped_convolution,depthwise_convolution}.json
"""
import torch
from regressions import fixture, plain
from torch import nn

torch.manual_seed(4)
fixture("grouped_convolution",
        nn.Sequential(nn.Conv2d(4, 6, 3, stride=2, padding=1, groups=2), nn.ReLU(),
                      nn.Conv2d(6, 3, 2, groups=3, bias=False), nn.ReLU(), nn.Flatten(), nn.Linear(12, 3)),
        "cross-entropy", (4, 5, 5), (), rows=(10, 3),
        layers={"0": {**plain, "stride": [2, 2], "padding": [1, 1], "groups": 2}, "2": {**plain, "groups": 3}})
fixture("depthwise_convolution",
        nn.Sequential(nn.Conv2d(3, 6, (3, 2), padding="same", dilation=(1, 2), groups=3), nn.Tanh(),
                      nn.Conv2d(6, 2, 1, stride=2), nn.Tanh(), nn.Flatten(), nn.Linear(8, 2)),
        "mse", (3, 4, 4), (2,), rows=(10, 2), activation="tanh",
        layers={"0": {**plain, "padding": "same", "dilation": [1, 2], "groups": 3},
                "2": {**plain, "stride": [2, 2]}})
