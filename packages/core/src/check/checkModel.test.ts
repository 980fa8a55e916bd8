import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import type { Engine, Program } from "../engine/engine.ts";
import { ortNodeEngine } from "../engine/ort/ortNode.ts";
import { referenceEngine } from "../engine/reference/engine.ts";
import type { Graph } from "../ir/graph.ts";
import { tensor } from "../ir/tensor.ts";
import { crossEntropy } from "../loss/crossEntropy.ts";
import { readModel } from "../onnx/decode.ts";
import { encodeSpec } from "../onnx/nodeModel.ts";
import { normalFloats } from "../testing/smallModels.ts";
import { checkModel, type ModelCheck } from "./checkModel.ts";

const kit = new URL("../../testdata/conformance/", import.meta.url);
const modelOf = async (name: string) => readModel(await readFile(new URL(`${name}/model.onnx`, kit)));

const failures = ({ comparisons }: ModelCheck): string[] =>
  comparisons
    .filter(({ passed }) => !passed)
    .map(({ engine, quantity, against }) => `${engine} ${quantity} ${against}`);

test("a convolutional network with kinks holds on ONNX Runtime and on the reference engine", async () => {
  await using engine = ortNodeEngine({ threads: 1 });
  const model = await modelOf("cnn_ce_mean");
  const shapes = { [model.inputs[0]!.name]: [3, ...model.inputs[0]!.shape!.slice(1).map(Number)] };
  const found = await checkModel({ model, shapes, engine, loss: crossEntropy() });
  expect(failures(found)).toEqual([]);
  expect(found.reference.ran).toBe(true);
  expect(found.decisions).toBeGreaterThan(100);
  expect(found.comparisons).toHaveLength(12);
});

test("without the reference engine, differences on ONNX Runtime remain", async () => {
  await using engine = ortNodeEngine({ threads: 1 });
  const model = await modelOf("attn_ce_mean");
  const shapes = { [model.inputs[0]!.name]: [2, ...model.inputs[0]!.shape!.slice(1).map(Number)] };
  const found = await checkModel({ model, shapes, engine, referenceFlops: 0 });
  expect(found).toMatchObject({ passed: true, reference: { ran: false } });
  expect(found.comparisons).toHaveLength(4);
});

/** y = w₂ · sin(stretch · W x): a float32 program that bends within 1/stretch. */
const waves = (stretch: number): Uint8Array =>
  encodeSpec({
    inputs: [{ name: "x", dtype: "float32", shape: [2, 3] }],
    outputs: [{ name: "y", dtype: "float32", shape: [2, 1] }],
    nodes: [
      { op: "MatMul", inputs: ["x", "w"], outputs: ["a"] },
      { op: "Mul", inputs: ["a", "stretch"], outputs: ["b"] },
      { op: "Sin", inputs: ["b"], outputs: ["c"] },
      { op: "MatMul", inputs: ["c", "head"], outputs: ["y"] },
    ],
    initializers: {
      w: normalFloats([3, 4], 1, "w"),
      head: normalFloats([4, 1], 2, "head"),
      stretch: tensor("float32", [], [stretch]),
    },
  });

test.each([0.01, 1, 200])("a network that bends within 1/%s of its parameters holds in float32", async (stretch) => {
  await using engine = ortNodeEngine({ threads: 1 });
  const model = await readModel(waves(stretch));
  const found = await checkModel({ model, shapes: { x: [2, 3] }, engine, parameters: ["w", "head"] });
  expect(failures(found)).toEqual([]);
});

/** The reference engine with every last output of the graphs chosen off by a factor. */
function wrongBy(factor: number, chosen: (graph: Graph) => boolean): Engine {
  const inner = referenceEngine();
  return {
    ...inner,
    async compile(graph, options): Promise<Program> {
      const program = await inner.compile(graph, options);
      if (!chosen(graph)) return program;
      return {
        ...program,
        async run(feeds, run) {
          const outputs = await program.run(feeds, run);
          const last = outputs.at(-1)!;
          return [...outputs.slice(0, -1), { ...last, data: Float64Array.from(last.data, (x) => factor * x) }];
        },
      };
    },
  };
}

const hasVector = ({ inputs }: Graph): boolean => inputs.some(({ name }) => name.startsWith("v_"));
const isGradient = ({ inputs, outputs }: Graph): boolean =>
  outputs.length > 1 && inputs.every(({ name }) => !/^(v_|held_|m$)/.test(name));

test("one parameter's part of a product or gradient that is off by 0.1 % is found", async () => {
  const model = await modelOf("mlp_mse_mean");
  const shapes = { [model.inputs[0]!.name]: [3, ...model.inputs[0]!.shape!.slice(1).map(Number)] };
  const product = await checkModel({ model, shapes, engine: wrongBy(1.001, hasVector) });
  expect(failures(product)).toEqual(["reference hessian differences", "reference ggn differences"]);
  const sign = await checkModel({ model, shapes, engine: wrongBy(1.001, isGradient) });
  expect(failures(sign)).toEqual(["reference gradient differences"]);
});
