import { readFile } from "node:fs/promises";
import { expect, it } from "vitest";
import { tensor } from "../../ir/tensor.ts";
import { readModel } from "../decode.ts";
import { encodeSpec } from "../nodeModel.ts";
import { chooseParameters } from "../select.ts";
import { storedName } from "./storage.ts";

const folder = new URL("../../../testdata/tensorflow/", import.meta.url);

/** Names and shapes of what is chosen in a model that tf2onnx has written. */
async function parametersOf(name: string): Promise<string[]> {
  const model = await readModel(await readFile(new URL(`${name}.onnx`, folder)));
  return chooseParameters(model).flatMap(({ chosen, initializer: { name: found, shape } }) =>
    chosen ? [`${found} [${shape}]`] : [],
  );
}

it("weights that a loop is handed as states are parameters, a cell's biases in rows too", async () => {
  expect(await parametersOf("gru")).toEqual([
    "sequential_1/gru_1/gru_cell_1/bias [2,9]",
    "sequential_1/gru_1/gru_cell_1/recurrent_kernel [3,9]",
    "sequential_1/gru_1/gru_cell_1/kernel [3,9]",
    "sequential_1/embedding_1/embeddings [9,3]",
    "sequential_1/dense_1/kernel [3,2]",
    "sequential_1/dense_1/bias [2]",
  ]);
});

it("numbered weights of recurrent operators are named after the layer around them", async () => {
  expect((await parametersOf("lstm")).slice(3)).toEqual([
    "sequential_1/lstm_1/kernel [1,12,3]",
    "sequential_1/lstm_1_2/kernel [1,8,3]",
    "sequential_1/lstm_1/recurrent_kernel [1,12,3]",
    "sequential_1/lstm_1_2/recurrent_kernel [1,8,2]",
    "sequential_1/lstm_1/bias [1,24]",
    "sequential_1/lstm_1_2/bias [1,16]",
  ]);
});

it("biases over heads are parameters, and so are the scale and bias of a normalisation written out", async () => {
  const names = await parametersOf("attention");
  expect(names.filter((name) => /query|normalization/.test(name))).toEqual([
    "functional_1/multi_head_attention_1/query_1/kernel [4,4]",
    "functional_1/multi_head_attention_1/query_1/bias [2,2]",
    "functional_1/layer_normalization_1/bias [1,1,4]",
    "functional_1/layer_normalization_1/scale [1,1,4]",
  ]);
});

it("folded weights are named after what else is stored for their node", async () => {
  expect(await parametersOf("convolutions")).toEqual([
    "sequential_1/depthwise_conv2d_1/bias [3]",
    "sequential_1/dense_1/kernel [3,3]",
    "sequential_1/dense_1/bias [3]",
    "sequential_1/conv2d_1_2/kernel [3,3,1,1]",
    "sequential_1/conv2d_1/kernel [3,2,3,3]",
    "sequential_1/conv2d_1/bias [3]",
    "sequential_1/batch_normalization_1_2/bias [3]",
    "sequential_1/batch_normalization_1/scale [1,3,1,1]",
    "sequential_1/depthwise_conv2d_1/kernel [3,1,2,2]",
    "sequential_1/batch_normalization_1/bias [1,3,1,1]",
  ]);
});

it.each([
  ["model/dense/MatMul/ReadVariableOp:0", "model/dense/kernel"],
  ["StatefulPartitionedCall/model/dense/MatMul/ReadVariableOp:0", "model/dense/kernel"],
  ["model/lstm/lstm_cell/MatMul_1/ReadVariableOp:0", "model/lstm/lstm_cell/recurrent_kernel"],
  ["model/up/conv2d_transpose/ReadVariableOp:0", "model/up/kernel"],
  ["model/conv2d_transpose/Squeeze:0", "model/conv2d_transpose/kernel"],
  ["dense/kernel/Read/ReadVariableOp:0", "dense/kernel"],
  ["dense/kernel/read:0", "dense/kernel"],
  ["dense/kernel:0", "dense/kernel:0"],
  ["blocks/mlp", "blocks/mlp"],
])("%s is %s", async (stored, name) => {
  const bytes = encodeSpec({
    inputs: [{ name: "x", dtype: "float32", shape: [2, 4] }],
    outputs: [{ name: "y" }],
    nodes: [{ op: "MatMul", inputs: ["x", stored], outputs: ["y"], name: "MatMul" }],
    initializers: { [stored]: tensor("float32", [4, 3], new Float32Array(12)) },
  });
  const [weight] = chooseParameters(await readModel(bytes));
  expect([weight!.initializer.name, storedName(weight!.initializer)]).toEqual([name, stored]);
});
