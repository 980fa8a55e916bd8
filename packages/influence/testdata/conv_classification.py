"""Reference values of a small convolutional network under the EK-FAC library kronfluence, all in float64.

    python conv_classification.py kronfluence_conv_classification.json

Needs kronfluence 1.0 and torch. The last layer sees fewer rows than it has inputs: what float32 loses shows here.
"""
import json
import sys
import tempfile

import torch
import torch.nn.functional as F
from kronfluence.analyzer import Analyzer, prepare_model
from kronfluence.arguments import FactorArguments, ScoreArguments
from kronfluence.task import Task
from torch import nn
from torch.utils.data import TensorDataset

torch.set_default_dtype(torch.float64)
D = torch.float64
factor_types = dict.fromkeys(
    ["activation_covariance_dtype", "gradient_covariance_dtype", "eigendecomposition_dtype", "lambda_dtype",
     "per_sample_gradient_dtype"], D)
score_types = dict.fromkeys(["per_sample_gradient_dtype", "precondition_dtype", "score_dtype"], D)


class Classification(Task):
    def compute_train_loss(self, batch, model, sample=False):
        x, y = batch
        return F.cross_entropy(model(x), y, reduction="sum")

    def compute_measurement(self, batch, model):
        return self.compute_train_loss(batch, model)


def lists(groups):
    return {name: {module: t.tolist() for module, t in group.items()} for name, group in groups.items()}


def values(strategy, model, task, train, query):
    analyzer = Analyzer("a", model, task, cpu=True, disable_tqdm=True, output_dir=tempfile.mkdtemp(), disable_model_save=True)
    analyzer.fit_all_factors("f", train, per_device_batch_size=5,
                             factor_args=FactorArguments(strategy=strategy, use_empirical_fisher=True, **factor_types))
    found = {}
    if strategy in ("kfac", "ekfac"):
        found["covariance"] = lists(analyzer.load_covariance_matrices("f"))
        bases = lists(analyzer.load_eigendecomposition("f"))
        found["eigenvalues"] = {name: group for name, group in bases.items() if name.endswith("eigenvalues")}
    if strategy == "diagonal":
        found["lambda"] = lists(analyzer.load_lambda_matrices("f"))
    if strategy == "ekfac":
        matrices = analyzer.load_lambda_matrices("f")["lambda_matrix"]
        found["lambda_sorted"] = {module: sorted(t.flatten().tolist()) for module, t in matrices.items()}
    for damping in [1e-8] if strategy == "identity" else [1e-8, 1e-3, None]:
        for detail in ["sum", "module"]:
            arguments = ScoreArguments(damping_factor=damping, compute_per_module_scores=detail == "module", **score_types)
            analyzer.compute_pairwise_scores("p", "f", query, train, per_device_query_batch_size=2,
                                             per_device_train_batch_size=5, score_args=arguments, overwrite_output_dir=True)
            scores = analyzer.load_pairwise_scores("p")
            found[f"pairwise damping={damping} {detail}"] = {name: t.tolist() for name, t in scores.items()}
        arguments = ScoreArguments(damping_factor=damping, **score_types)
        analyzer.compute_self_scores("s", "f", train, per_device_train_batch_size=5, score_args=arguments,
                                     overwrite_output_dir=True)
        found[f"self damping={damping}"] = {name: t.tolist() for name, t in analyzer.load_self_scores("s").items()}
    return found


def main(path):
    torch.manual_seed(3)
    model = nn.Sequential(nn.Conv2d(2, 4, 3, stride=2, padding=1), nn.ReLU(), nn.Conv2d(4, 3, 2), nn.ReLU(), nn.Flatten(),
                          nn.Linear(12, 3))
    for parameter in model.parameters():
        parameter.data = torch.round(parameter.data, decimals=4)
    images = lambda n: torch.round(torch.randn(n, 2, 6, 6), decimals=3)
    labels = lambda n: torch.randint(0, 3, (n,))
    train, query = TensorDataset(images(10), labels(10)), TensorDataset(images(3), labels(3))
    task = Classification()
    parameters = {name: t.tolist() for name, t in model.state_dict().items()}
    prepared = prepare_model(model, task)
    plain = {"dilation": [1, 1], "groups": 1}
    layers = {"0": {"stride": [2, 2], "padding": [1, 1], **plain}, "2": {"stride": [1, 1], "padding": [0, 0], **plain}}
    (train_x, train_y), (query_x, query_y) = [[t.tolist() for t in data.tensors] for data in (train, query)]
    fixture = {
        "application": "influence", "name": "conv_classification", "activation": "relu", "loss": "cross-entropy",
        "reduction": "sum", "fisher": "empirical", "measurement": "loss", "bias": "joint", "layers": layers,
        "params": parameters, "train_x": train_x, "train_y": train_y, "query_x": query_x, "query_y": query_y,
        "strategies": {s: values(s, prepared, task, train, query) for s in ["identity", "diagonal", "kfac", "ekfac"]},
    }
    with open(path, "w") as file:
        json.dump(fixture, file)


if __name__ == "__main__":
    main(sys.argv[1])
