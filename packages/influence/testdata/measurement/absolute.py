"""Writes absolute.onnx beside this script: |prediction - target|, summed over a row's entries. Needs onnx."""

from pathlib import Path

from onnx import TensorProto, checker, helper, save

port = lambda name, shape: helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
graph = helper.make_graph(
    [
        helper.make_node("Sub", ["prediction", "target"], ["difference"]),
        helper.make_node("Abs", ["difference"], ["sizes"]),
        helper.make_node("ReduceSum", ["sizes", "axes"], ["terms"], keepdims=0),
    ],
    "absolute error",
    [port("prediction", ["rows", "entries"]), port("target", ["rows", "entries"])],
    [port("terms", ["rows"])],
    [helper.make_tensor("axes", TensorProto.INT64, [1], [1])],
)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
checker.check_model(model)
save(model, Path(__file__).with_name("absolute.onnx"))
