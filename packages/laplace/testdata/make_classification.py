"""Reference values for a small classifier, in numpy alone: explicit Jacobians, explicit Kronecker products, dense inverses.

python make_classification.py > classification.json        (numpy)

The same form as laplace_regression.json. Weight and bias are separate Kronecker blocks; the factors of all rows are added.
Probit, bridge and normalised bridge follow the formulas in MacKay (1992), MacKay (1998) and Hobbhahn et al. (2022).
"""
import json
import numpy as np

rng = np.random.default_rng(0)
N, I, Hd, C, T = 25, 3, 6, 4, 5
W1, b1 = rng.normal(size=(Hd, I)) * 0.7, rng.normal(size=Hd) * 0.4
W2, b2 = rng.normal(size=(C, Hd)) * 0.8, rng.normal(size=C) * 0.3
X, Xt = rng.normal(size=(N, I)), 1.5 * rng.normal(size=(T, I))
y = rng.integers(0, C, size=N)
prior = 0.9


def forward(x):
    h = np.tanh(x @ W1.T + b1)
    return h, h @ W2.T + b2


def softmax(f):
    e = np.exp(f - f.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def jacobian(x):
    """[rows, C, P] in the order W1, b1, W2, b2."""
    h, _ = forward(x)
    out = []
    for n in range(len(x)):
        dz = W2 * (1 - h[n] ** 2)
        dW1 = np.einsum("ch,i->chi", dz, x[n]).reshape(C, -1)
        dW2 = np.einsum("ck,h->ckh", np.eye(C), h[n]).reshape(C, -1)
        out.append(np.concatenate([dW1, dz, dW2, np.eye(C)], 1))
    return np.array(out)


sizes = [Hd * I, Hd, C * Hd, C]
theta = np.concatenate([W1.ravel(), b1, W2.ravel(), b2])
h, f = forward(X)
p = softmax(f)
Lam = np.array([np.diag(q) - np.outer(q, q) for q in p])
loglik = float(np.log(p[np.arange(N), y]).sum())
J, Jt = jacobian(X), jacobian(Xt)
_, ft = forward(Xt)


def curvature(structure, own):
    Js = J[:, :, own]
    H = np.einsum("ncp,nck,nkq->pq", Js, Lam, Js)
    if structure == "diag":
        return np.diag(np.diag(H))
    if structure == "full":
        return H
    blocks = []
    dz = W2[None] * (1 - h[:, None] ** 2)  # [N, C, hidden]
    G1 = np.einsum("nch,nck,nkj->hj", dz, Lam, dz)
    G2 = Lam.sum(0)
    A1, A2 = X.T @ X / N, h.T @ h / N
    for block in ([np.kron(G1, A1), G1] if own[0] == 0 else []) + [np.kron(G2, A2), G2]:
        blocks.append(block)
    K = np.zeros_like(H)
    at = 0
    for block in blocks:
        n = len(block)
        K[at : at + n, at : at + n] = block
        at += n
    return K


def probit(mu, var):
    return softmax(mu / np.sqrt(1 + np.pi / 8 * np.einsum("ncc->nc", var)))


def bridge(mu, var, norm):
    one = np.ones(C)
    total = np.einsum("i,nij,j->n", one, var, one)
    row = var @ one
    mu = mu - row * (mu.sum(1) / total)[:, None]
    var = np.einsum("ncc->nc", var - np.einsum("ni,nj->nij", row, row) / total[:, None, None])
    if norm:
        v = var.mean(1) / np.sqrt(C / 2)
        mu, var = mu / np.sqrt(v)[:, None], var / v[:, None]
    alpha = (1 - 2 / C + np.exp(mu) / C**2 * np.exp(-mu).sum(1)[:, None]) / var
    return alpha / alpha.sum(1, keepdims=True)


results = {}
for subset in ("all", "last_layer"):
    own = np.arange(len(theta)) if subset == "all" else np.arange(sizes[0] + sizes[1], len(theta))
    for structure in ("full", "kron", "diag"):
        P = curvature(structure, own) + prior * np.eye(len(own))
        S = np.linalg.inv(P)
        lml = loglik - 0.5 * (np.linalg.slogdet(P)[1] - len(own) * np.log(prior) + prior * theta[own] @ theta[own])
        flat = Jt[:, :, own].reshape(T * C, -1)
        var = np.einsum("ncp,pq,nkq->nck", Jt[:, :, own], S, Jt[:, :, own])
        for batch in (7,):
            results[f"{subset}/{structure}/batch{batch}"] = {
                "log_marginal_likelihood": lml,
                "log_likelihood": loglik,
                "f_mu": ft.tolist(),
                "f_var": var.tolist(),
                "joint_cov": (flat @ S @ flat.T).tolist(),
                "probit": probit(ft, var).tolist(),
                "bridge": bridge(ft, var, False).tolist(),
                "bridge_norm": bridge(ft, var, True).tolist(),
            }

print(json.dumps({
    "application": "laplace", "source": "make_classification.py", "activation": "tanh", "likelihood": "classification",
    "prior_precision": prior,
    "params": {"0.weight": W1.tolist(), "0.bias": b1.tolist(), "2.weight": W2.tolist(), "2.bias": b2.tolist()},
    "X": X.tolist(), "y": y.tolist(), "Xtest": Xt.tolist(), "results": results,
}))
