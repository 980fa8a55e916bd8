"""Diabetes (scikit-learn's copy, 442 rows) with centred columns and target, and what scikit-learn's evidence maximisers find on it.

python make_diabetes.py        (numpy, scikit-learn): writes diabetes.npz and diabetes.json

BayesianRidge keeps its Gamma(1e-6, 1e-6) hyperpriors, which move its fixed point by some 1e-7. ARD has none: with them, weights
that go to zero stop at a precision that is the hyperprior's, not the data's.
"""
import json
import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.linear_model import ARDRegression, BayesianRidge

X, y = load_diabetes(return_X_y=True)
X = X - X.mean(0)
y = (y - y.mean()) / y.std()
np.savez("diabetes.npz", x=X, y=y[:, None])

ridge = BayesianRidge(fit_intercept=False, tol=1e-14, max_iter=10000, compute_score=True).fit(X, y)
ard = ARDRegression(fit_intercept=False, tol=1e-14, max_iter=10000, threshold_lambda=1e12,
                    alpha_1=0, alpha_2=0, lambda_1=0, lambda_2=0).fit(X, y)
json.dump({
    "ridge": {"noise": ridge.alpha_ ** -0.5, "prior": ridge.lambda_, "coefficients": ridge.coef_.tolist(),
              "variances": np.diag(ridge.sigma_).tolist()},
    "ard": {"noise": ard.alpha_ ** -0.5, "prior": ard.lambda_.tolist(), "coefficients": ard.coef_.tolist()},
}, open("diabetes.json", "w"), indent=1)
print(open("diabetes.json").read())
