import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import * as ort from "onnxruntime-node";
import { afterAll, describe, expect, it } from "vitest";
import { readCase } from "../conformance/case.ts";
import { writeNpz } from "../data/npz.ts";
import { readTensors } from "../data/readTensors.ts";
import { referenceEngine } from "../engine/reference/engine.ts";
import { toDense } from "../operators/dense.ts";
import { diagonal } from "../operators/diagonal.ts";
import { ekfac } from "../operators/ekfac.ts";
import { ggn } from "../operators/ggn.ts";
import { type KfacOperator, kfac, kfacOf } from "../operators/kfac.ts";
import type { LinearOperator } from "../operators/linearOperator.ts";
import { createProblem, type Problem } from "../operators/problem.ts";
import { scale } from "../operators/scale.ts";
import { toFunction } from "../operators/toFunction.ts";
import { randomStream } from "../random/random.ts";
import { checkOperator } from "../testing/checkOperator.ts";
import { expectClose } from "../testing/expectClose.ts";
import { tolerances } from "../testing/tolerance.ts";
import { readOperator, writeOperator, writeOperatorModel } from "./operatorFile.ts";

const cases = fileURLToPath(new URL("../../testdata/conformance/", import.meta.url));
const engine = referenceEngine();
const folder = await mkdtemp(join(tmpdir(), "operator-file-"));
afterAll(() => rm(folder, { recursive: true }));

async function problemOf(name: string): Promise<Problem> {
  const { model, data, loss, parameters } = await readCase(`${cases}/${name}`, { exact: true });
  return createProblem({ model, data, loss, parameters, engine });
}

const made: readonly (readonly [string, (problem: Problem) => LinearOperator | Promise<LinearOperator>])[] = [
  ["the GGN, entry by entry", ggn],
  ["KFAC", (problem) => kfac(problem)],
  ["KFAC with separate biases", (problem) => kfac(problem, { bias: "separate" })],
  ["EKFAC", (problem) => ekfac(problem)],
  ["KFAC's inverse", async (problem) => (await kfac(problem)).inverse(0.1)],
  ["EKFAC's inverse", async (problem) => (await ekfac(problem)).exact!.inverse!(0.1)],
  ["an inverse with entries of no block", async (problem) => (await withoutFirst(problem)).inverse(0.1)],
];

/** KFAC that leaves the first layer out. */
async function withoutFirst(problem: Problem): Promise<KfacOperator> {
  const { factors } = await kfac(problem);
  return kfacOf({ ...factors, blocks: factors.blocks.slice(1) }, problem.space.size);
}

describe.each(["npz", "safetensors"])("an operator in a file, %s", (extension) => {
  it.each(made)("keeps the contract after it was saved and read: %s", async (name, make) => {
    await using problem = await problemOf("mlp_ce_mean");
    const { size } = problem.space;
    const operator = await make(problem);
    const dense = await toDense(operator);
    const file = join(folder, `${name.replaceAll(/\W/g, "")}.${extension}`);
    await writeOperator(file, operator);
    const rows = Array.from({ length: size }, (_, i) => dense.subarray(i * size, (i + 1) * size));
    const read = await readOperator(file);
    await checkOperator(read, rows, randomStream(1));
    if (name === "KFAC" || name === "EKFAC") expect(read.exact?.inverse).toBeDefined();
  });
});

it("is arrays that make the product by the formula that is stated", async () => {
  await using problem = await problemOf("mlp_ce_mean");
  const operator = await kfac(problem, { bias: "separate" });
  const file = join(folder, "formula.npz");
  await writeOperator(file, operator);
  const { tensors } = await readTensors(file);
  const read = async (name: string): Promise<Float64Array> => Float64Array.from((await tensors.get(name)!.read()).data);
  const v = Float64Array.from({ length: problem.space.size }, (_, i) => Math.cos(i));
  const out = new Float64Array(v.length);
  for (let b = 0; tensors.has(`${b}.index`); b++) {
    const [index, g] = [await read(`${b}.index`), await read(`${b}.g`)];
    const rows = Math.sqrt(g.length);
    const width = index.length / rows;
    const a = tensors.has(`${b}.a`) ? await read(`${b}.a`) : Float64Array.of(1);
    for (const [p, to] of index.entries()) {
      for (const [q, from] of index.entries()) {
        const left = g[Math.floor(p / width) * rows + Math.floor(q / width)]!;
        out[to]! += left * a[(p % width) * width + (q % width)]! * v[from]!;
      }
    }
  }
  expectClose(await toFunction(operator)([...v]), out, "G M A");
});

it("is a model that ONNX Runtime multiplies with", async () => {
  await using problem = await problemOf("cnn_ce_mean");
  const { size } = problem.space;
  const v = Float64Array.from({ length: size }, (_, i) => Math.sin(i));
  const k = await kfac(problem);
  for (const operator of [k, await ekfac(problem), await k.inverse(0.1)]) {
    const file = join(folder, "operator.onnx");
    await writeOperatorModel(file, operator);
    const session = await ort.InferenceSession.create(new Uint8Array(await readFile(file)));
    const { product } = await session.run({ v: new ort.Tensor("float32", Float32Array.from(v), [size]) });
    expectClose(product!.data as Float32Array, await operator.apply(v), operator.name, tolerances.float32);
    await session.release();
  }
  const damped = await (await withoutFirst(problem)).inverse(0.1);
  await writeOperatorModel(join(folder, "inverse.onnx"), scale(1, diagonal(v))).then(
    () => expect.unreachable(),
    (error: Error) => expect(error.message).toContain("not made of blocks alone"),
  );
  await expect(writeOperatorModel(join(folder, "inverse.onnx"), damped)).rejects.toThrow("not made of blocks alone");
});

it("is refused where it is too large, or the file holds none", async () => {
  const large = diagonal(new Float64Array(9000).fill(1));
  await expect(writeOperator(join(folder, "large.npz"), large)).rejects.toThrow("too large");
  const other = join(folder, "other.npz");
  await writeNpz(other, { x: { dtype: "float64", shape: [1], data: Float64Array.of(1) } });
  await expect(readOperator(other)).rejects.toThrow("the file holds none");
});
