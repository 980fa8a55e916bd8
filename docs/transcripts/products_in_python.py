"""Runs an exported Hessian product in Python, beside PyTorch's double backward on the same weights and data.

    npm run -s hessonite -- export testdata/mnist/digits-cnn.onnx --operator hessian --loss cross-entropy \\
        --batch 32 --k 4 -o hvp.onnx
    python docs/transcripts/products_in_python.py hvp.onnx testdata/mnist
"""

import json
import sys
import time

import numpy as np
import onnx
import onnxruntime
import torch
from torch.nn.functional import conv2d, cross_entropy, linear, max_pool2d, relu

path, folder = sys.argv[1:]
session = onnxruntime.InferenceSession(path)
metadata = session.get_modelmeta().custom_metadata_map
print("onnxruntime", onnxruntime.__version__, "| torch", torch.__version__)
for port in [*session.get_inputs(), *session.get_outputs()]:
    print(f"  {port.name:8} {port.type:14} {port.shape}")
for key in ["operator", "loss", "reduction"]:
    print(f"  {key}: {metadata[f'hessonite.{key}']}")
table = json.loads(metadata["hessonite.parameters"])
for p in table:
    print(f"  v[{p['offset']}:{p['offset'] + p['size']}]  {p['name']} {p['shape']}")

data = np.load(f"{folder}/digits.npz")
x, y = data["x"][:32].astype(np.float32) / 255, data["y"][:32].astype(np.int64)
k, size = session.get_inputs()[-1].shape
v = np.random.default_rng(0).standard_normal((k, size)).astype(np.float32)
start = time.perf_counter()
(product,) = session.run(None, {"x": x, "target": y, "v": v})
print(f"{k} products in {1000 * (time.perf_counter() - start):.1f} ms")

stored = {t.name: torch.tensor(onnx.numpy_helper.to_array(t)) for t in onnx.load(f"{folder}/digits-cnn.onnx").graph.initializer}
theta = [stored[p["name"]].requires_grad_() for p in table]
w1, b1, w2, b2, w3, b3 = theta
h = max_pool2d(relu(conv2d(torch.tensor(x), w1, b1, padding=1)), 2)
h = max_pool2d(relu(conv2d(h, w2, b2, padding=1)), 2)
loss = cross_entropy(linear(h.flatten(1), w3, b3), torch.tensor(y))
slopes = torch.autograd.grad(loss, theta, create_graph=True)
flat = torch.cat([g.flatten() for g in slopes])
for i in range(k):
    hv = torch.cat([g.flatten() for g in torch.autograd.grad(flat @ torch.tensor(v[i]), theta, retain_graph=True)]).numpy()
    error = np.linalg.norm(product[i] - hv) / np.linalg.norm(hv)
    print(f"  row {i}: |Hv| = {np.linalg.norm(product[i]):.6f}, relative difference to PyTorch {error:.1e}")
