"""What the figures of two papers show, as numbers: mean errors of their methods, on their matrices, at their settings.

The papers print curves without a table. Here each method is written out once more from its formula, in NumPy, and run as the
figure's text says:

- traces: Epperly, Tropp, Webber (2024), SIAM J. Matrix Anal. 45(1), arXiv:2301.07825, section 3: side 1000, six spectra in a
  random basis, random signs as test vectors; mean of |estimate - trace| / trace over trials (theirs: 1000).
- densities: Papyan (2020), JMLR 21(252), figure 15 with section D.2: (a) diag(5, 4, 3, 0, ...) + Z Z^T / 2000, Z normal
  [2000, 2000], 128 Lanczos steps, 10 repeats, kappa 3; (b) Z Z^T / 1000, Z Pareto(1) [500, 1000], 256 steps, 10 repeats,
  epsilon 1e-5, kappa 1.04 (not printed; the value with which others repeated the figure). Bumps have standard deviation
  2 / (steps - 1) / sqrt(8 ln kappa) on the spectrum scaled to [-1, 1] with a margin of 5 %. The error is the integral of
  |estimate - density of all eigenvalues with the same bumps|.

    python published.py > published.json
"""

import json
import sys

import numpy as np

n = 1000
large = n // 20
index = np.arange(1, n + 1)
spectra = {
    "flat": np.linspace(1, 3, n),
    "poly": index**-2.0,
    "slowexp": 0.9 ** (index - 1.0),
    "fastexp": 0.7 ** (index - 1.0),
    "smallstep": np.where(index <= large, 1, 1e-3),
    "bigstep": np.where(index <= large, 1, 1e-8),
}
budgets = [20, 60, 120, 200, 300]
trials = 200


def signs(rng, m):
    return rng.integers(0, 2, (n, m)) * 2.0 - 1.0


def hutchinson(a, m, rng):
    o = signs(rng, m)
    return np.sum(o * (a @ o)) / m


def hutch_plus_plus(a, m, rng):
    q, _ = np.linalg.qr(a @ signs(rng, -(-m // 3)))
    g = signs(rng, m // 3)
    g = g - q @ (q.T @ g)
    return np.sum(q * (a @ q)) + np.sum(g * (a @ g)) / g.shape[1]


def xtrace(a, m, rng):
    """Mean over i of tr(Qi^T A Qi) + (o - Qi Qi^T o)^T A (o - Qi Qi^T o), Qi a basis of A times all test vectors but o = o_i."""
    o = signs(rng, m // 2)
    q, r = np.linalg.qr(a @ o)
    h = q.T @ (a @ q)
    w = q.T @ o
    s = np.linalg.pinv(r.T, rcond=1e-16)  # column i is orthogonal to all columns of R but column i
    s = s / np.linalg.norm(s, axis=0)
    x = w - s * np.sum(s * w, axis=0)
    left = np.sum(w * r, axis=0) - 2 * np.sum(x * r, axis=0) + np.sum(x * (h @ x), axis=0)
    return np.mean(np.trace(h) - np.sum(s * (h @ s), axis=0) + left)


def xnystrace(a, m, rng):
    """Mean over i of tr(Fi) + o_i^T (A - Fi) o_i, Fi the Nystrom approximation of all test vectors but o_i."""
    o = signs(rng, m)
    y = a @ o
    shift = np.finfo(float).eps * np.linalg.norm(y) / np.sqrt(n)
    y = y + shift * o
    h = o.T @ y
    c = np.linalg.cholesky((h + h.T) / 2)
    half = np.linalg.solve(c, y.T)  # F = half^T half
    inverse = np.linalg.inv(c)  # H^-1 = inverse^T inverse
    s = half.T @ inverse / np.sqrt(np.sum(inverse**2, axis=0))
    return np.mean(np.sum(half**2) - np.sum(s**2, axis=0) + np.sum(s * o, axis=0) ** 2) - shift * n


methods = {"hutchinson": hutchinson, "hutch++": hutch_plus_plus, "xtrace": xtrace, "xnystrace": xnystrace}


def traces():
    rng = np.random.default_rng(0)
    basis, _ = np.linalg.qr(rng.standard_normal((n, n)))
    found = {}
    for spectrum, values in spectra.items():
        a = (basis * values) @ basis.T
        a = (a + a.T) / 2
        truth = values.sum()
        found[spectrum] = {
            name: [float(f"{np.mean([abs(method(a, m, rng) - truth) for _ in range(trials)]) / truth:.3g}") for m in budgets]
            for name, method in methods.items()
        }
        print(spectrum, found[spectrum], file=sys.stderr)
    return found


def lanczos(a, steps, rng):
    """Nodes and weights, with full reorthogonalisation."""
    size = len(a)
    q = np.zeros((steps, size))
    alpha, beta = np.zeros(steps), np.zeros(steps)
    v = rng.standard_normal(size)
    q[0] = v / np.linalg.norm(v)
    for k in range(steps):
        w = a @ q[k]
        alpha[k] = q[k] @ w
        for _ in range(2):
            w -= q[: k + 1].T @ (q[: k + 1] @ w)
        beta[k] = np.linalg.norm(w)
        if k + 1 < steps:
            q[k + 1] = w / beta[k]
    nodes, vectors = np.linalg.eigh(np.diag(alpha) + np.diag(beta[:-1], 1) + np.diag(beta[:-1], -1))
    return nodes, vectors[0] ** 2


def bumps(grid, nodes, weights, width):
    return np.exp(-0.5 * ((grid[:, None] - nodes) / width) ** 2) @ weights / (width * np.sqrt(2 * np.pi))


def density(draw, steps, kappa, scale, seeds=8):
    """Over draws of the matrix: mean error, and the bumps' width."""
    errors, widths = [], []
    for seed in range(seeds):
        rng = np.random.default_rng(seed)
        a = draw(rng)
        values = scale(np.linalg.eigvalsh(a))
        half = (values.max() - values.min()) / 2 * 1.1
        width = 2 / (steps - 1) / np.sqrt(8 * np.log(kappa)) * half
        grid = np.linspace(values.min() - half, values.max() + half, 4000)
        truth = bumps(grid, values, np.full(len(a), 1 / len(a)), width)
        found = np.zeros_like(grid)
        for _ in range(10):
            nodes, weights = lanczos(a, steps, rng)
            found += bumps(grid, scale(nodes), weights, width) / 10
        errors.append(np.sum(np.abs(found - truth)) * (grid[1] - grid[0]))
        widths.append(width)
        print(seed, errors[-1], width, file=sys.stderr)
    return {"error": float(f"{np.mean(errors):.3g}"), "width": float(f"{np.mean(widths):.3g}")}


def bulk_and_spikes(rng):
    z = rng.standard_normal((2000, 2000))
    spikes = np.zeros(2000)
    spikes[:3] = 5, 4, 3
    return np.diag(spikes) + z @ z.T / 2000


def heavy_tails(rng):
    z = rng.pareto(1.0, (500, 1000)) + 1
    return z @ z.T / 1000


print(
    json.dumps(
        {
            "side": n,
            "trials": trials,
            "budgets": budgets,
            "traces": traces(),
            "densities": {
                "bulk and spikes": density(bulk_and_spikes, 128, 3, lambda x: x),
                "heavy tails, logarithm": density(heavy_tails, 256, 1.04, lambda x: np.log10(np.abs(x) + 1e-5)),
            },
        },
        indent=2,
    )
)
