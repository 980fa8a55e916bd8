"""Held-out negative log-likelihoods of scikit-learn's BayesianRidge, for comparison.

python make_regression.py        (numpy, scikit-learn): writes regression.json

diabetes: the first 300 rows of diabetes.npz train, the other 142 are judged; no intercept (columns and target are centred).
concrete: ../../influence/testdata/concrete-train.npz trains; the two halves (51 and 52 rows) of concrete-query.npz are judged.
"""
import json
import numpy as np
from sklearn.linear_model import BayesianRidge


def nll(model, x, y):
    mean, sd = model.predict(x, return_std=True)
    return 0.5 * np.log(2 * np.pi * sd**2) + (y - mean) ** 2 / (2 * sd**2)


d = np.load("diabetes.npz")
x, y = d["x"], d["y"].ravel()
ridge = BayesianRidge(fit_intercept=False, tol=1e-14, max_iter=10000).fit(x[:300], y[:300])
own = {"noise": ridge.alpha_**-0.5, "prior": ridge.lambda_, "nll": float(nll(ridge, x[300:], y[300:]).mean())}

train, query = (np.load(f"../../influence/testdata/concrete-{name}.npz") for name in ("train", "query"))
ridge = BayesianRidge().fit(train["x"].astype(float), train["y"].ravel().astype(float))
rows = nll(ridge, query["x"].astype(float), query["y"].ravel().astype(float))
json.dump({"diabetes": own, "concrete": {"halves": [float(rows[:51].mean()), float(rows[51:].mean())]}},
          open("regression.json", "w"), indent=1)
print(open("regression.json").read())
