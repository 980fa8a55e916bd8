"""What happens to softmax regression on MNIST when training rows leave: exact refits, in float64.

    python oracle.py mnist-10k.npz

The argument holds `x` uint8 [10000, 1, 28, 28] and `y` uint8 [10000]. Rows 0..4999 train, rows 5000..5499 are queries, pixels
are divided by 255. The objective is (1/N) sum of cross-entropies + l2/2 |W|^2 with l2 = 1e-3, logits = W x, no bias. A row
that leaves takes its share 1/N with it; on half of the rows the mean is over that half. Every fit ends at a gradient of at
most 1e-8 (largest entry). Needs numpy; some ten minutes. Writes beside this script:

    data.npz     x uint8 [5500, 784], y uint8 [5500]
    truth.npz    w float64 [10, 784]: the optimum on all training rows
                 removed int32 [100], changes float32 [100, 500]: what each query's loss changes by when the row leaves
                 masks uint8 [50, 5000], losses float32 [1, 50, 500]: each query's loss after training on half of the rows
"""

import sys
from pathlib import Path

import numpy as np

here = Path(__file__).parent
n, queries, classes, l2, tolerance = 5000, 500, 10, 1e-3, 1e-8

archive = np.load(sys.argv[1])
pixels = archive["x"][: n + queries].reshape(n + queries, -1)
labels = archive["y"][: n + queries].astype(np.int64)
seen = pixels[:n].any(0)  # pixels that are 0 in all training rows have weight 0
x = pixels[:n, seen] / 255.0
onehot = np.eye(classes)[labels[:n]]
qx = pixels[n:, seen] / 255.0
spectrum, basis = np.linalg.eigh(x.T @ x / n)


def softmax(z):
    z = np.exp(z - z.max(1, keepdims=True))
    return z / z.sum(1, keepdims=True)


def query_losses(w):
    p = softmax(qx @ w.T)
    return -np.log(p[np.arange(queries), labels[n:]])


def fit(rows, divisor, start):
    """The optimum on some rows by Newton's method from `start`; a step is halved until the gradient shrinks."""
    a, b = x[rows], onehot[rows]
    w = start

    def gradient(w):
        p = softmax(a @ w.T)
        return p, (p - b).T @ a / divisor + l2 * w

    p, g = gradient(w)
    while np.abs(g).max() > tolerance:
        step = newton_step(a, p, divisor, g)
        for length in 0.5 ** np.arange(20):
            p_next, g_next = gradient(w - length * step)
            if np.linalg.norm(g_next) < np.linalg.norm(g):
                break
        w, p, g = w - length * step, p_next, g_next
    return w


def newton_step(a, p, divisor, g):
    """H v = g by conjugate gradients, preconditioned with c_k X^T X / n + l2 for class k."""

    def product(v):
        t = a @ v.T
        t = p * (t - (p * t).sum(1, keepdims=True))
        return t.T @ a / divisor + l2 * v

    scale = (p * (1 - p)).mean(0)[:, None] * spectrum + l2
    precondition = lambda r: ((r @ basis) / scale) @ basis.T
    end = min(0.1, np.abs(g).max() ** 0.5) * np.linalg.norm(g)
    v, r = np.zeros_like(g), g.copy()
    z = precondition(r)
    d, rz = z.copy(), (r * z).sum()
    while np.linalg.norm(r) > end:
        q = product(d)
        step = rz / (d * q).sum()
        v += step * d
        r -= step * q
        z = precondition(r)
        rz, before = (r * z).sum(), rz
        d = z + rz / before * d
    return v


random = np.random.default_rng(0)
everything = np.arange(n)
optimum = fit(everything, n, np.zeros((classes, x.shape[1])))
base = query_losses(optimum)

removed = random.choice(n, 100, replace=False)
changes = []
for row in removed:
    changes.append(query_losses(fit(np.delete(everything, row), n, optimum)) - base)
    print("removed", row, flush=True)

masks = np.zeros((50, n), np.uint8)
losses = []
for mask in masks:
    half = np.sort(random.choice(n, n // 2, replace=False))
    mask[half] = 1
    losses.append(query_losses(fit(half, n // 2, optimum)))
    print("half", len(losses), flush=True)

w = np.zeros((classes, pixels.shape[1]))
w[:, seen] = optimum
np.savez_compressed(here / "data.npz", x=pixels, y=archive["y"][: n + queries])
np.savez_compressed(
    here / "truth.npz",
    w=w,
    removed=removed.astype(np.int32),
    changes=np.array(changes, np.float32),
    masks=masks,
    losses=np.array(losses, np.float32)[None],
)
