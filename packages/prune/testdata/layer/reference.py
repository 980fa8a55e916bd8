"""Reference values of layer-wise pruning on a 6 x 16 layer with correlated inputs, by plain code that shares nothing with ours.

    python reference.py        (numpy; some seconds)

Writes layer.json beside this script: W [6, 16], X [64, 16], and for every method and pattern the loss
(1/n) ||X (W' - W)^T||^2 and the weights W'. Each method is written as its paper says it, on explicit inverses:

    magnitude   one threshold over the layer; n:m within groups along the inputs
    wanda       |w| ||x_j||, each row by itself
    obc         the greedy order of every row, the inverse without a row and column after each step; one threshold over all rows
    sparsegpt   columns from left to right, damping 0.01 of the mean diagonal, errors passed on by the inverse of what is left
    optimum     every one of the 2^16 masks of a row, and zeros shared out over rows by dynamic programming
"""
import json
from pathlib import Path

import numpy as np

rng = np.random.default_rng(7)
ROWS, D, N = 6, 16, 64
X = np.empty((N, D))
X[:, 0] = rng.normal(size=N)
for j in range(1, D):
    X[:, j] = 0.9 * X[:, j - 1] + np.sqrt(1 - 0.81) * rng.normal(size=N)
W = np.round(rng.normal(size=(ROWS, D)), 6)
X = np.round(X, 6)
H = 2 * X.T @ X / N
WHOLE = np.linalg.inv(H)


def loss(w):
    return float(np.sum((X @ (w - W).T) ** 2) / N)


def refit(mask):
    """Least squares on the kept weights, row by row, from the inputs themselves."""
    out = np.zeros_like(W)
    for r in range(ROWS):
        kept = np.flatnonzero(~mask[r])
        if len(kept):
            out[r, kept] = np.linalg.lstsq(X[:, kept], X @ W[r], rcond=None)[0]
    return out


def groups(score, zeros, of):
    mask = np.zeros(W.shape, bool)
    for r in range(ROWS):
        for g in range(0, D, of):
            mask[r, g + np.argsort(score[r, g : g + of], kind="stable")[:zeros]] = True
    return mask


def by_score(score, pattern, per_row):
    if pattern:
        return groups(score, *pattern)
    mask = np.zeros(W.shape, bool)
    if per_row:
        for r in range(ROWS):
            mask[r, np.argsort(score[r], kind="stable")[: D // 2]] = True
    else:
        mask.flat[np.argsort(score, axis=None, kind="stable")[: W.size // 2]] = True
    return mask


def obc(pattern):
    orders = []
    for r in range(ROWS):
        left, w, steps = list(range(D)), W[r].copy(), []
        inverse = np.linalg.inv(H)
        gone = {}
        while len(left) > 0:
            best = None
            for place, j in enumerate(left):
                if pattern and gone.get(j // pattern[1], 0) >= pattern[0]:
                    continue
                price = 0.5 * w[j] ** 2 / inverse[place, place]
                if best is None or price < best[0]:
                    best = (price, place, j)
            if best is None:
                break
            price, place, j = best
            w[left] -= inverse[:, place] * w[j] / inverse[place, place]
            w[j] = 0
            left.pop(place)
            inverse = np.linalg.inv(H[np.ix_(left, left)]) if left else None
            gone[j // pattern[1] if pattern else 0] = gone.get(j // pattern[1] if pattern else 0, 0) + 1
            steps.append((price, r, j))
        orders.append(steps)
    mask = np.zeros(W.shape, bool)
    counts = [len(steps) for steps in orders]
    if not pattern:  # as many of a row's first steps as it has among the cheapest of all rows
        cheapest = sorted(step for steps in orders for step in steps)[: W.size // 2]
        counts = [sum(r == row for _, r, _ in cheapest) for row in range(ROWS)]
    for steps, count in zip(orders, counts):
        for _, r, j in steps[:count]:
            mask[r, j] = True
    return refit(mask)


def sparsegpt(pattern):
    damped = H + 0.01 * np.mean(np.diag(H)) * np.eye(D)
    w, mask = W.copy(), np.zeros(W.shape, bool)
    prices = [np.linalg.inv(damped[j:, j:])[0, 0] for j in range(D)]
    if not pattern:
        mask = by_score(w**2 / np.array(prices), None, False)
    for j in range(D):
        if pattern and j % pattern[1] == 0:
            span = range(j, j + pattern[1])
            for r in range(ROWS):
                order = sorted(span, key=lambda k: w[r, k] ** 2 / prices[k])
                mask[r, order[: pattern[0]]] = True
        inverse = np.linalg.inv(damped[j:, j:])
        for r in np.flatnonzero(mask[:, j]):
            w[r, j:] -= w[r, j] * inverse[0] / inverse[0, 0]
            w[r, j] = 0
    return w


def optimum(pattern):
    best = np.full((ROWS, D + 1), np.inf)
    chosen = {}
    for bits in range(2**D):
        gone = [j for j in range(D) if bits >> j & 1]
        if pattern and any(sum(g <= j < g + pattern[1] for j in gone) != pattern[0] for g in range(0, D, pattern[1])):
            continue
        part = W[:, gone]
        inverse = WHOLE[np.ix_(gone, gone)]
        rises = 0.5 * np.sum(part * np.linalg.solve(inverse, part.T).T, axis=1) if gone else np.zeros(ROWS)
        for r in np.flatnonzero(rises < best[:, len(gone)]):
            best[r, len(gone)] = rises[r]
            chosen[r, len(gone)] = gone
    total, paths = {0: (0.0, [])}, None
    for r in range(ROWS):
        following = {}
        for zeros, (sofar, path) in total.items():
            for k in range(D + 1):
                value = sofar + best[r, k]
                if np.isfinite(value) and value < following.get(zeros + k, (np.inf,))[0]:
                    following[zeros + k] = (value, path + [k])
        total = following
    mask = np.zeros(W.shape, bool)
    for r, k in enumerate(total[W.size // 2][1]):
        mask[r, chosen[r, k]] = True
    return refit(mask)


patterns = {"50%": None, "2:4": (2, 4), "4:8": (4, 8)}
lengths = np.linalg.norm(X, axis=0)
methods = {
    "magnitude": lambda p: np.where(by_score(np.abs(W), p, False), 0, W),
    "wanda": lambda p: np.where(by_score(np.abs(W) * lengths, p, True), 0, W),
    "obc": obc,
    "sparsegpt": sparsegpt,
    "optimum": optimum,
}
results = {}
for method, run in methods.items():
    for name, pattern in patterns.items():
        after = run(pattern)
        results[f"{method}/{name}"] = {"loss": loss(after), "zeros": int(np.sum(after == 0)), "W": np.round(after, 9).tolist()}
        print(method, name, results[f"{method}/{name}"]["loss"])
content = {"application": "prune", "name": "layer 6 x 16", "W": W.tolist(), "X": X.tolist(), "results": results}
(Path(__file__).parent / "layer.json").write_text(json.dumps(content) + "\n")
