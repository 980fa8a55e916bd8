"""Writes oracle.json: curvature of the demo model on the first 64 rows of digits.npz, in float64, by torch alone.

    python oracle.py

Weights are read from digits-cnn.onnx and used in float64 in a forward pass written out here; pixels are divided by 255.
The loss is the mean cross-entropy. Hessian products are double backward passes, checked against central differences of
the gradient; their extreme eigenvalues are scipy's ARPACK. The GGN comes from the dense Jacobian: its eigenvalues are those
of the Gram matrix of its square root, checked against ARPACK on its products.
"""

import json
from pathlib import Path

import numpy as np
import onnx
import torch
from scipy.sparse.linalg import LinearOperator, eigsh
from torch.nn.functional import conv2d, cross_entropy, max_pool2d

here = Path(__file__).parent
rows, top = 64, 5
torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)
torch.backends.nnpack.set_flags(False)

order = ["conv1.weight", "conv1.bias", "conv2.weight", "conv2.bias", "head.weight", "head.bias"]
stored = {t.name: onnx.numpy_helper.to_array(t) for t in onnx.load(here / "digits-cnn.onnx").graph.initializer}
theta = [torch.tensor(stored[name], dtype=torch.float64, requires_grad=True) for name in order]
sizes = [p.numel() for p in theta]

data = np.load(here / "digits.npz")
x = torch.tensor(data["x"][:rows].astype(np.float64) / 255)
y = torch.tensor(data["y"][:rows].astype(np.int64))


def logits(w1, b1, w2, b2, w3, b3) -> torch.Tensor:
    h = max_pool2d(conv2d(x, w1, b1, padding=1).relu(), 2)
    h = max_pool2d(conv2d(h, w2, b2, padding=1).relu(), 2)
    return h.flatten(1) @ w3.T + b3


def flat(parts) -> torch.Tensor:
    return torch.cat([p.reshape(-1) for p in parts])


def unflat(v: torch.Tensor) -> list[torch.Tensor]:
    return [part.reshape(p.shape) for part, p in zip(v.split(sizes), theta)]


f = logits(*theta)
loss = cross_entropy(f, y)
gradient = flat(torch.autograd.grad(loss, theta, create_graph=True))
probabilities = f.softmax(1).detach()


def hessian(v: torch.Tensor) -> torch.Tensor:
    return flat(torch.autograd.grad(gradient @ v, theta, retain_graph=True)).detach()


# J as a dense matrix [rows * classes, P], one reverse pass a row; S S^T = diag(p) - p p^T, G = (1/rows) J^T H J.
jacobian = torch.stack([flat(torch.autograd.grad(fk, theta, retain_graph=True)) for fk in f.reshape(-1)])


def ggn(v: torch.Tensor) -> torch.Tensor:
    jv = (jacobian @ v).reshape(f.shape)
    hjv = probabilities * (jv - (probabilities * jv).sum(1, keepdim=True))
    return jacobian.T @ hjv.reshape(-1) / rows


def square_root() -> torch.Tensor:
    """J^T S / sqrt(rows) as [P, rows * classes]: G is this times its transpose."""
    j = jacobian.reshape(rows, 10, -1)
    root = probabilities.sqrt()
    s = torch.diag_embed(root) - probabilities.unsqueeze(2) * root.unsqueeze(1)
    return torch.einsum("ncp,nck->pnk", j, s).reshape(j.shape[2], -1) / rows**0.5


def largest(product, which: str) -> list[float]:
    n = sum(sizes)
    operator = LinearOperator((n, n), matvec=lambda v: product(torch.from_numpy(v.reshape(-1).copy())).numpy(), dtype=np.float64)
    values = eigsh(operator, k=top, which=which, tol=1e-12, ncv=40, return_eigenvectors=False, v0=np.ones(n))
    return sorted(values.tolist(), reverse=which == "LA")


root = square_root()
gram = torch.linalg.eigvalsh(root.T @ root).flip(0)
ggn_top = gram[:top].tolist()
ggn_lanczos = largest(ggn, "LA")
assert np.allclose(ggn_top, ggn_lanczos, rtol=1e-9), (ggn_top, ggn_lanczos)

torch.manual_seed(0)
v = torch.randn(sum(sizes))
step = 1e-9  # so small that no Relu or MaxPool switches: the gradient jumps there


def gradient_at(shift: float) -> torch.Tensor:
    moved = [(p + shift * d).detach().requires_grad_() for p, d in zip(theta, unflat(v))]
    return flat(torch.autograd.grad(cross_entropy(logits(*moved), y), moved)).detach()


hv = hessian(v)
hessian_top, hessian_bottom = largest(hessian, "LA"), largest(hessian, "SA")
numeric = (gradient_at(step) - gradient_at(-step)) / (2 * step)
error = ((numeric - hv).norm() / hv.norm()).item()
print(f"Hessian product against central differences of the gradient: {error:.1e}")
assert error < 1e-4, error

probe = torch.arange(sum(sizes), dtype=torch.float64).cos()
hp, gp = hessian(probe), ggn(probe)

oracle = {
    "model": "digits-cnn.onnx",
    "data": "digits.npz",
    "rows": rows,
    "scale": "1/255",
    "loss": "mean cross-entropy",
    "parameters": [{"name": name, "shape": list(p.shape)} for name, p in zip(order, theta)],
    "meanCrossEntropy": loss.item(),
    "accuracy": (f.argmax(1) == y).double().mean().item(),
    "gradientNorm": gradient.norm().item(),
    "ggn": {"largest": ggn_top, "trace": root.square().sum().item()},
    "hessian": {"largest": hessian_top, "smallest": hessian_bottom},
    "probe": {
        "vector": "v[i] = cos(i), i counts the parameters in order, each row-major",
        "hessian": {"norm": hp.norm().item(), "quadratic": (probe @ hp).item()},
        "ggn": {"norm": gp.norm().item(), "quadratic": (probe @ gp).item()},
    },
}
(here / "oracle.json").write_text(json.dumps(oracle, indent=2) + "\n")
print(json.dumps(oracle, indent=2))
