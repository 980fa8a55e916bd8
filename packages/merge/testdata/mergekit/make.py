"""What mergekit computes on 4 x 6 matrices: the outputs that this package's functions of weights are held to.

    python make.py MERGEKIT        a checkout of github.com/arcee-ai/mergekit (0.1.4; LGPL-3.0: its code is run, not copied)

Needs torch and numpy. Only the files with the arithmetic are loaded: the rest of mergekit, which wants whole language models'
libraries, is replaced by empty names. Random masks (DARE, DELLA) are drawn by torch and stored beside the outputs, and so are
the probabilities that DELLA draws with.

Writes mergekit.json beside this script, matrices as lists of 24, row by row, and cases.json for `hessonite fixtures`.
"""

import importlib.util
import json
import sys
import types
from pathlib import Path

import torch

here = Path(__file__).parent
source = Path(sys.argv[1]) / "mergekit"


class Anything:
    """Stands for classes of mergekit that the arithmetic does not use."""

    def __init__(self, **fields):
        self.__dict__.update(fields)

    def __init_subclass__(cls, **_):
        pass

    def __class_getitem__(cls, _):
        return cls


def stub(name, **names):
    module = types.ModuleType(name)
    module.__dict__.update(names)
    module.__path__ = []
    sys.modules[name] = module


def load(name):
    spec = importlib.util.spec_from_file_location(f"mergekit.{name}", source / f"{name.replace('.', '/')}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


stub("mergekit")
stub("mergekit.merge_methods")
stub("mergekit.architecture", WeightInfo=Anything)
stub("mergekit.common", ImmutableMap=Anything, ModelReference=Anything)
stub("mergekit.graph", Task=Anything)
stub("mergekit.merge_methods.rectify_embed", rectify_embed_sizes=lambda *_: None)
if "pydantic" not in sys.modules:
    stub("pydantic", BaseModel=type("BaseModel", (), {"__init_subclass__": classmethod(lambda cls, **_: None)}))
stub(
    "mergekit.merge_methods.base",
    ConfigParameterDef=Anything,
    MergeMethod=type("MergeMethod", (), {}),
    MergeTensorInput=Anything,
)
sparsify = load("sparsify")
slerp = load("merge_methods.slerp")
nuslerp = load("merge_methods.nuslerp")
karcher = load("merge_methods.karcher")
arithmetic = load("merge_methods.generalized_task_arithmetic")
stock = load("merge_methods.model_stock")
linear = load("merge_methods.linear")

torch.manual_seed(6)
a, b, c, base = (torch.randn(4, 6) for _ in range(4))
b = base + 0.4 * b
c = 0.5 * c + 0.5 * a
models = [a, b, c]
weights = [1.0, 0.5, 2.0]
drawn = []
bernoulli = torch.bernoulli


def recorded(probabilities):
    mask = bernoulli(probabilities)
    drawn.append({"probabilities": probabilities.flatten().tolist(), "mask": mask.flatten().tolist()})
    return mask


torch.bernoulli = recorded


def task_arithmetic(consensus, sparsification, normalize, rescale, density=1.0, lambda_=1.0, **parameters):
    """A recipe's merge of one tensor, with its masks if it draws some."""
    drawn.clear()
    info = types.SimpleNamespace(name="w", is_embed=False)
    settings = {i: {"weight": w, "density": density, **parameters} for i, w in enumerate(weights)}
    task = types.SimpleNamespace(
        method=types.SimpleNamespace(sparsification_method=sparsification, consensus_method=consensus),
        base_model="base",
        weight_info=info,
        tensor_parameters=types.SimpleNamespace(data=settings),
        rescale_norm=sparsify.RescaleNorm.l1 if rescale else None,
        int8_mask=False,
        normalize=normalize,
        lambda_=lambda_,
    )
    tensors = {0: a.clone(), 1: b.clone(), 2: c.clone(), "base": base.clone()}
    merged = arithmetic.GTATask.execute(task, tensors)
    return {"merged": merged.flatten().tolist(), **({"drawn": list(drawn)} if drawn else {})}


def model_stock(filter_wise):
    task = types.SimpleNamespace(base_model="base", filter_wise=filter_wise, weight_info=None)
    task.get_rectified_weights = lambda _: (base, list(models))
    return stock.ModelStockMergeTask.execute(task, {"base": base, 0: a, 1: b, 2: c})


def weighted_mean(normalize):
    info = types.SimpleNamespace(name="w")
    given = {i: {"weight": w} for i, w in enumerate(weights)}
    task = types.SimpleNamespace(tensor_parameters=given, weight_info=info, normalize=normalize)
    return linear.LinearMergeTask.execute(task, dict(enumerate(models)))


def nuslerped(row_wise, flatten, with_base):
    given = {0: {"weight": 1.0}, 1: {"weight": 0.5}}
    task = types.SimpleNamespace(
        base_model="base" if with_base else None,
        tensor_parameters=given,
        weight_info=None,
        row_wise=row_wise,
        flatten=flatten,
    )
    return nuslerp.NuSlerpTask.execute(task, {0: a, 1: b, **({"base": base} if with_base else {})})


consensus, method = arithmetic.ConsensusMethod.sum, sparsify.SparsificationMethod
magnitudes = [(density, norm) for density in (0.3, 0.7) for norm in (None, sparsify.RescaleNorm.l1)]
results = {
    "weights": weights,
    "inputs": {"a": a, "b": b, "c": c, "base": base},
    "linear": weighted_mean(True),
    "linear, not normalised": weighted_mean(False),
    "slerp 0.3": slerp.slerp(0.3, a, b),
    "slerp 0.3, nearly parallel": slerp.slerp(0.3, a, 1.5 * a + 0.005 * b),
    "nuslerp": nuslerped(False, True, False),
    "nuslerp, base": nuslerped(False, True, True),
    "nuslerp by row": nuslerped(False, False, False),
    "nuslerp by row, base": nuslerped(False, False, True),
    "nuslerp_row_wise": nuslerped(True, False, False),
    "karcher": karcher.karcher_merge_tensors(models, [1 / 3] * 3),
    "karcher, one zero": karcher.karcher_merge_tensors([a, torch.zeros_like(a), c], [1 / 3] * 3),
    "magnitude": [
        {"density": d, "rescale": n and n.value, "output": sparsify.magnitude(a, d, n).flatten().tolist()}
        for d, n in magnitudes
    ],
    "outliers": [
        {
            "density": d,
            "gamma": g,
            "rescale": n and n.value,
            "output": sparsify.magnitude_outliers(a, d, n, g).flatten().tolist(),
        }
        for d, n in magnitudes
        for g in (0.1, 0.25)
    ],
    "task_arithmetic": task_arithmetic(None, None, False, False, lambda_=0.7),
    "task_arithmetic, normalised": task_arithmetic(None, None, True, False),
    "ties": task_arithmetic(consensus, method.magnitude, True, False, density=0.5),
    "ties, not normalised": task_arithmetic(consensus, method.magnitude, False, False, density=0.5, lambda_=0.7),
    "breadcrumbs": task_arithmetic(None, method.magnitude_outliers, False, False, density=0.5, gamma=0.1),
    "breadcrumbs_ties": task_arithmetic(consensus, method.magnitude_outliers, False, False, density=0.5, gamma=0.1),
    "dare_linear": task_arithmetic(None, method.random, False, True, density=0.5),
    "dare_ties": task_arithmetic(consensus, method.random, False, True, density=0.5),
    "della": task_arithmetic(consensus, method.della_magprune, True, True, density=0.5, epsilon=0.2),
    "della_linear": task_arithmetic(None, method.della_magprune, False, True, density=0.5, epsilon=0.2),
    "model_stock": model_stock(False),
    "model_stock, filter_wise": model_stock(True),
}


def plain(value):
    return value.flatten().tolist() if isinstance(value, torch.Tensor) else value


results["inputs"] = {name: plain(value) for name, value in results["inputs"].items()}
lines = [f"{json.dumps(name)}: {json.dumps(plain(value))}" for name, value in results.items()]
(here / "mergekit.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")

# Cases for `hessonite fixtures`: options at their edges.
torch.manual_seed(11)
a, b, c = (torch.round(torch.randn(4, 6), decimals=3) for _ in range(3))
tensors = {"a": a, "b": b, "c": c, "zero": torch.zeros(4, 6), "near_a": 1.3 * a + 0.01 * b, "minus_a": -0.7 * a,
           "holed": a * torch.tensor([1.0, 0, 1, 1]).unsqueeze(1)}
cases = []


def case(method, inputs, output, **options):
    cases.append({"name": f"{len(cases)} {method} {' '.join(inputs)} {options}", "method": method, "inputs": inputs,
                  "output": output.tolist(), **options})


T = tensors
for t in [0, 0.3, 1]:
    for pair in [("a", "b"), ("a", "near_a"), ("a", "minus_a"), ("a", "zero")]:
        case("slerp", pair, slerp.slerp(t, T[pair[0]], T[pair[1]]), t=t)
for t in [0.25, 0.7]:
    for pair in [("a", "b"), ("a", "near_a"), ("a", "holed"), ("b", "holed")]:
        case("nuslerp", pair, nuslerp.nuslerp(t, T[pair[0]], T[pair[1]], flatten=True), t=t)
        case("nuslerp", pair, nuslerp.nuslerp(t, T[pair[0]], T[pair[1]], dim=-1, flatten=False), t=t, flatten=False)
        case("nuslerp", pair, nuslerp.nuslerp(t, T[pair[0]], T[pair[1]], dim=0, flatten=False), t=t, flatten=False, row_wise=True)
for names in [("a", "b", "c"), ("a", "zero", "c"), ("a", "near_a"), ("zero", "zero")]:
    for max_iter, tol in [(10, 1e-5), (1, 1e-5), (30, 1e-3)]:
        parts = [T[name] for name in names]
        case("karcher", names, karcher.karcher_merge_tensors(parts, [1 / len(parts)] * len(parts), max_iter, tol), max_iter=max_iter, tol=tol)
alphas = [0.5, 0.2, 0.3]
case("karcher", ("a", "b", "c"), karcher.karcher_merge_tensors([a, b, c], alphas), alphas=alphas)
for norm in [None, "l1", "l2", "linf"]:
    for density in [0.05, 0.29, 0.5, 0.96, 1]:
        case("magnitude", ("a",), sparsify.magnitude(a, density, norm), density=density, rescale_norm=norm)
        for gamma in [0.05, 0.25]:
            case("magnitude_outliers", ("b",), sparsify.magnitude_outliers(b, density, norm, gamma),
                 density=density, gamma=gamma, rescale_norm=norm)
fixture = {"application": "merge", "source": "mergekit's own functions, see make.py",
           "tensors": {name: t.tolist() for name, t in tensors.items()}, "cases": cases}
(here / "cases.json").write_text(json.dumps(fixture))
