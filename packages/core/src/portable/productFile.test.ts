import { mkdtempSync, rmSync, statSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as ort from "onnxruntime-node";
import { afterAll, expect, test } from "vitest";
import { datasetFromArrays } from "../data/fromArrays.ts";
import { referenceEngine } from "../engine/reference/engine.ts";
import { type Tensor, tensor } from "../ir/tensor.ts";
import { crossEntropy } from "../loss/crossEntropy.ts";
import type { Loss } from "../loss/loss.ts";
import { squaredError } from "../loss/squaredError.ts";
import { readModel } from "../onnx/decode.ts";
import { ggn } from "../operators/ggn.ts";
import { hessian } from "../operators/hessian.ts";
import { createProblem } from "../operators/problem.ts";
import { randomStream } from "../random/random.ts";
import { expectClose } from "../testing/expectClose.ts";
import { writeProductFile } from "./productFile.ts";
import type { PortableOperator } from "./productGraph.ts";

const folder = mkdtempSync(join(tmpdir(), "hessonite-portable-"));
afterAll(() => rmSync(folder, { recursive: true }));

const kit = new URL("../../testdata/conformance/", import.meta.url);
const operators = { hessian, ggn };
const random = randomStream(3, "portable");
const normal = (...shape: number[]): Tensor =>
  tensor(
    "float32",
    shape,
    Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => random.normal()),
  );

interface Setting {
  readonly name: string;
  readonly loss: Loss;
  readonly operator: PortableOperator;
  readonly k?: number;
  readonly external?: boolean;
  readonly target: (rows: number) => Tensor;
}

/** Rows 1 and 3 do not count; the others' classes have unequal weights. */
const labels = (rows: number): Tensor =>
  tensor(
    "int64",
    [rows],
    Float64Array.from({ length: rows }, (_, i) => (i % 2 === 1 ? -100 : i % 3)),
  );
const allLabels = (rows: number): Tensor =>
  tensor(
    "int64",
    [rows],
    Float64Array.from({ length: rows }, (_, i) => i % 3),
  );

const settings: readonly Setting[] = [
  { name: "mlp_ce_mean", loss: crossEntropy(), operator: "hessian", target: allLabels },
  {
    name: "cnn_ce_mean",
    loss: crossEntropy({ ignoreIndex: -100, classWeights: [0.25, 1, 3, 1, 1, 1, 1, 1, 1, 1] }),
    operator: "ggn",
    k: 2,
    target: labels,
  },
  { name: "mlp_ce_sum", loss: crossEntropy({ reduction: "sum" }), operator: "ggn", external: true, target: allLabels },
  { name: "mlp_mse_mean", loss: squaredError(), operator: "hessian", k: 3, target: (rows) => normal(rows, 3) },
];

test.each(settings)(
  "$operator of $name runs in plain ONNX Runtime as it does here",
  async ({ name, loss, operator, k, external, target }) => {
    const model = await readModel(await readFile(new URL(`${name}/model.onnx`, kit)));
    const [port] = model.inputs as [(typeof model.inputs)[number]];
    const shape = [5, ...port.shape!.slice(1).map(Number)];
    const path = join(folder, `${name}.onnx`);
    const file = await writeProductFile(path, {
      model,
      loss,
      operator,
      shapes: { [port.name]: shape },
      ...(k && { k }),
      ...(external && { external }),
    });
    const [x, y, v] = [normal(...shape), target(5), normal(...(k ? [k, file.size] : [file.size]))];

    const data = datasetFromArrays({ inputs: { [port.name]: x }, target: y });
    await using problem = await createProblem({ model, data, loss, engine: referenceEngine() });
    await using product = operators[operator](problem);
    const expected = await product.apply(Float64Array.from(v.data), { k: k ?? 1 });

    const session = await ort.InferenceSession.create(path);
    expect(session.inputNames).toEqual([port.name, "target", "v"]);
    const found = await session.run({ [port.name]: fed(x), target: fed(y), v: fed(v) });
    expect(found.product!.dims).toEqual(v.shape);
    expectClose(Float64Array.from(found.product!.data as Float32Array), expected, name, {
      relative: 1e-5,
      absolute: 1e-7,
    });
    if (external) expect(statSync(`${path}.data`).size).toBe(4 * file.size);
  },
);

function fed({ dtype, shape, data }: Tensor): ort.Tensor {
  if (dtype === "int64") return new ort.Tensor("int64", BigInt64Array.from(Array.from(data, BigInt)), shape);
  return new ort.Tensor("float32", Float32Array.from(data), shape);
}

test("the file says where each parameter lies", async () => {
  const model = await readModel(await readFile(new URL("mlp_ce_mean/model.onnx", kit)));
  const path = join(folder, "table.onnx");
  const options = {
    model,
    loss: crossEntropy(),
    operator: "ggn" as const,
    shapes: { [model.inputs[0]!.name]: [2, ...model.inputs[0]!.shape!.slice(1).map(Number)] },
  };
  const { space } = await writeProductFile(path, options);
  const text = (await readFile(path)).toString("latin1");
  const table = JSON.parse(/\[\{"name".*?\}\]/.exec(text)![0]) as readonly {
    name: string;
    offset: number;
    size: number;
  }[];
  expect(table.map(({ name, offset, size }) => ({ name, offset, size }))).toEqual(
    space.parameters.map(({ name, offset, size }) => ({ name, offset, size })),
  );
  expect(text).toContain("mean over the batch's terms that count");
});
