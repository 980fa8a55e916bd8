"""Writes the data files that the readers are tested on, and expected.json: what numpy, torch and safetensors say is in them.

    python make.py

Needs numpy, torch and safetensors.
"""

import io
import json
import struct
import zipfile
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

here = Path(__file__).parent
rng = np.random.default_rng(0)
expected: dict[str, dict] = {}


def describe(array: np.ndarray) -> dict:
    numbers = array.astype(np.float64).reshape(-1).tolist()
    return {"shape": list(array.shape), "data": [n if np.isfinite(n) else str(n) for n in numbers]}


def values(code: str, shape: tuple[int, ...]) -> np.ndarray:
    kind, dtype = code[1], np.dtype(code)
    if kind == "f":
        array = rng.normal(size=shape).astype(dtype)
        array.flat[:3] = [-0.0, np.inf, np.finfo(dtype).smallest_subnormal]
        return array
    if kind == "b":
        return rng.integers(0, 2, size=shape).astype(bool)
    low, high = max(np.iinfo(dtype).min, -(2**53) + 1), min(np.iinfo(dtype).max, 2**53 - 1)
    array = rng.integers(low, high, size=shape, endpoint=True).astype(dtype)
    array.flat[:2] = [low, high]
    return array


def npz_of_every_type() -> None:
    codes = ["f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "b1"]
    arrays = {}
    for code in codes:
        for order in "<>":
            arrays[f"{code}/{'little' if order == '<' else 'big'}"] = values(order + code, (2, 3))
    arrays["fortran"] = np.asfortranarray(values("<f4", (2, 3, 4)))
    arrays["fortran/big"] = np.asfortranarray(values(">i4", (3, 5)))
    arrays["scalar"] = np.float64(2.5)
    arrays["empty"] = np.zeros((0, 4), np.float32)
    arrays["vector"] = values("<f8", (5,))
    for name, save in (("types.npz", np.savez), ("types-deflated.npz", np.savez_compressed)):
        save(here / name, **arrays, text=np.array(["a", "b"]))
        expected[name] = {key: describe(np.asarray(a)) for key, a in arrays.items()}


def npy_versions() -> None:
    array = values("<f4", (2, 3))
    for version in ((1, 0), (2, 0), (3, 0)):
        name = f"version{version[0]}.npy"
        with open(here / name, "wb") as file:
            np.lib.format.write_array(file, array, version=version)
        expected[name] = {"x": describe(array)}


def zip64() -> None:
    """As if every entry were past 4 GiB: sizes and offsets stand in ZIP64 fields."""
    limit, zipfile.ZIP64_LIMIT = zipfile.ZIP64_LIMIT, 10
    arrays = {"x": values("<f4", (4, 3)), "y": np.arange(4)}
    with zipfile.ZipFile(here / "zip64.npz", "w") as archive:
        for name, array in arrays.items():
            buffer = io.BytesIO()
            np.save(buffer, array)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), buffer.getvalue())
    zipfile.ZIP64_LIMIT = limit
    assert struct.pack("<I", 0x06064B50) in (here / "zip64.npz").read_bytes()
    expected["zip64.npz"] = {name: describe(a) for name, a in arrays.items()}


def safetensors() -> None:
    torch.manual_seed(0)
    tensors = {
        "half": torch.randn(2, 3).half(),
        "brain": torch.randn(2, 3).bfloat16(),
        "single": torch.randn(3),
        "double": torch.randn(2, 2, dtype=torch.float64),
        "long": torch.tensor([-(2**53) + 1, 7]),
        "int": torch.tensor([-5, 6], dtype=torch.int32),
        "short": torch.tensor([-5, 6], dtype=torch.int16),
        "signed": torch.tensor([-5, 6], dtype=torch.int8),
        "byte": torch.tensor([0, 255, 3], dtype=torch.uint8),
        "bool": torch.tensor([True, False, True]),
        "scalar": torch.tensor(2.5),
        "empty": torch.zeros(0, 4),
    }
    save_file(tensors, here / "tensors.safetensors", metadata={"note": "written by safetensors"})
    expected["tensors.safetensors"] = {name: describe(t.double().numpy()) for name, t in tensors.items()}


npz_of_every_type()
npy_versions()
zip64()
safetensors()
(here / "expected.json").write_text(json.dumps(expected, separators=(",", ":")) + "\n")
