"""Two linear layers at opset 21, one weight stored [in, out], the other [out, in]: linear.onnx. Needs: onnx numpy."""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

random = np.random.default_rng(0)
tensor = lambda name, *shape: numpy_helper.from_array(random.standard_normal(shape).astype(np.float32), name)  # noqa: E731
graph = helper.make_graph(
    [
        helper.make_node("Gemm", ["x", "w1", "b1"], ["h"], name="first"),
        helper.make_node("Relu", ["h"], ["a"], name="relu"),
        helper.make_node("Gemm", ["a", "w2", "b2"], ["y"], name="second", transB=1),
    ],
    "linear",
    [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 32])],
    [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 8])],
    [tensor("w1", 32, 20), tensor("b1", 20), tensor("w2", 8, 20), tensor("b2", 8)],
)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
onnx.checker.check_model(model)
onnx.save(model, Path(__file__).parent / "linear.onnx")
