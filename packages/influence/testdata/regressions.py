"""More of kronfluence's reference values, in float64, beside those of conv_classification.py: squared errors, layers without bias,
dilated convolutions, positions, a margin as the measurement.

    python regressions.py            writes kronfluence_{conv_regression,sequence_regression,mlp_margin}.json
"""
import json

import torch
import torch.nn.functional as F
from conv_classification import Task, prepare_model, values
from torch import nn
from torch.utils.data import TensorDataset


class Trained(Task):
    def __init__(self, loss, measurement):
        super().__init__()
        self.loss, self.measurement = loss, measurement

    def compute_train_loss(self, batch, model, sample=False):
        x, y = batch
        f = model(x)
        return F.mse_loss(f, y, reduction="sum") if self.loss == "mse" else F.cross_entropy(f, y, reduction="sum")

    def compute_measurement(self, batch, model):
        if self.measurement == "loss":
            return self.compute_train_loss(batch, model)
        x, y = batch
        f, rows = model(x), torch.arange(len(y))
        others = f.clone()
        others[rows, y] = -torch.inf
        return -(f[rows, y] - others.logsumexp(-1)).sum()


def fixture(name, model, loss, inputs, targets, rows=(12, 4), activation="relu", measurement="loss", layers=None):
    torch.manual_seed(5)
    for parameter in model.parameters():
        parameter.data = torch.round(parameter.data, decimals=4)

    def data(n):
        x = torch.round(torch.randn(n, *inputs), decimals=3)
        drawn = torch.round(torch.randn(n, *targets), decimals=3) if loss == "mse" else torch.randint(0, 3, (n,))
        return TensorDataset(x, drawn)

    train, query = [data(n) for n in rows]
    task = Trained(loss, measurement)
    parameters = {key: value.tolist() for key, value in model.state_dict().items()}
    prepared = prepare_model(model, task)
    (train_x, train_y), (query_x, query_y) = [[t.tolist() for t in part.tensors] for part in (train, query)]
    found = {
        "application": "influence", "name": name, "activation": activation, "loss": loss, "reduction": "sum",
        "fisher": "empirical", "measurement": measurement, "bias": "joint", "params": parameters,
        "train_x": train_x, "train_y": train_y, "query_x": query_x, "query_y": query_y,
        **({"layers": layers} if layers else {}),
        "strategies": {s: values(s, prepared, task, train, query) for s in ["identity", "diagonal", "kfac", "ekfac"]},
    }
    with open(f"kronfluence_{name}.json", "w") as file:
        json.dump(found, file)


plain = {"stride": [1, 1], "padding": [0, 0], "dilation": [1, 1], "groups": 1}

if __name__ == "__main__":
    torch.manual_seed(3)
    fixture("mlp_margin", nn.Sequential(nn.Linear(5, 4), nn.GELU(), nn.Linear(4, 3)), "cross-entropy", (5,), (),
            activation="gelu", measurement="margin")
    fixture("sequence_regression", nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2)), "mse", (4, 3), (4, 2), rows=(6, 2))
    fixture("conv_regression",
            nn.Sequential(nn.Conv2d(2, 4, 3, stride=2, padding=1, bias=False), nn.Tanh(), nn.Conv2d(4, 3, (1, 2), dilation=(1, 2)),
                          nn.Tanh(), nn.Flatten(), nn.Linear(9, 2)),
            "mse", (2, 6, 6), (2,), rows=(10, 3), activation="tanh",
            layers={"0": {**plain, "stride": [2, 2], "padding": [1, 1]}, "2": {**plain, "dilation": [1, 2]}})
