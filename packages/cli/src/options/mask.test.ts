/** Masked labels do not count, in every command that reads labels: as if their rows were not in the file. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { readTensors, writeNpz } from "@hessonite/core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { runCommandLine } from "../commandLine.ts";
import { captureTerminal } from "../terminal/capture.ts";

const folder = mkdtempSync(join(tmpdir(), "hessonite-mask-"));
afterAll(() => rmSync(folder, { recursive: true }));

const [half, whole, held] = ["half.npz", "whole.npz", "held.npz"].map((name) => join(folder, name)) as [
  string,
  string,
  string,
];
const model = "packages/prune/testdata/mnist/mlp.onnx";

/** `whole` has the rows of `half` and, behind each, one with another label that is masked out; `held` a few others. */
beforeAll(async () => {
  const { tensors } = await readTensors("testdata/mnist/digits-train.npz");
  const x = await tensors.get("x")!.read();
  const y = await tensors.get("y")!.read();
  const size = x.shape.slice(1).reduce((a, b) => a * b, 1);
  const rows = (list: readonly number[]) => ({
    dtype: x.dtype,
    shape: [list.length, ...x.shape.slice(1)],
    data: Float64Array.from(list.flatMap((row) => Array.from(x.data.slice(row * size, (row + 1) * size), Number))),
  });
  const labels = (values: readonly number[]) =>
    ({ dtype: "int64", shape: [values.length], data: Float64Array.from(values) }) as const;
  const label = (row: number): number => Number(y.data[row]);
  const count = Array.from({ length: 40 }, (_, i) => i);
  const odd = count.flatMap((i) => [i, 100 + i]);
  await writeNpz(half, { x: rows(count), y: labels(count.map(label)) });
  await writeNpz(whole, {
    x: rows(odd),
    y: labels(count.flatMap((i) => [label(i), (label(100 + i) + 3) % 10])),
    seen: labels(count.flatMap(() => [1, 0])),
  });
  const others = count.map((i) => 200 + i);
  await writeNpz(held, { x: rows(others), y: labels(others.map(label)), seen: labels(others.map(() => 1)) });
});

async function json(...words: string[]) {
  const terminal = captureTerminal();
  const code = await runCommandLine([...words, "--json"], terminal, new AbortController().signal);
  expect(terminal.errors).not.toMatch(/Cannot/);
  expect(code).toBe(0);
  return JSON.parse(terminal.output);
}

const scaled = ["--scale", "1/255"];
const crossEntropy = [...scaled, "--loss", "cross-entropy"];
const masked = ["--mask", "seen"];

test("influence: a masked row has none, and the others' is what it is without it", async () => {
  const run = async (train: string, out: string, ...words: string[]) => {
    const path = join(folder, out);
    const asked = ["--query", held, "--query-rows", "3", "--strategy", "identity", "--out", path];
    await json("influence", model, "--train", train, ...asked, ...crossEntropy, ...words);
    const scores = await (await readTensors(path)).tensors.get("scores")!.read();
    return Array.from(scores.data, Number);
  };
  const without = await run(half, "half-scores.npz");
  const scores = await run(whole, "whole-scores.npz", ...masked);
  expect(scores.filter((_, i) => i % 2 === 1).every((score) => score === 0)).toBe(true);
  const largest = Math.max(...without.map(Math.abs));
  const kept = scores.filter((_, i) => i % 2 === 0);
  const ratio = kept[0]! / without[0]!; // 1, or 1/2 where scores are divided by the number of rows
  for (const [i, score] of kept.entries()) {
    expect(Math.abs(score - ratio * without[i]!) / largest).toBeLessThan(1e-4);
  }
});

test("laplace: the evidence is that of the labels that count", async () => {
  const settings = [
    "--likelihood",
    "categorical",
    "--structure",
    "diagonal",
    "--weights",
    "last-layer",
    "--prior",
    "2",
    ...scaled,
  ];
  const without = await json("laplace", model, "--train", half, ...settings);
  const found = await json("laplace", model, "--train", whole, ...settings, ...masked);
  expect(found.evidence.total).toBeCloseTo(without.evidence.total, 3);
});

test("prune: loss and accuracy are those of the labels that count", async () => {
  const settings = ["--method", "magnitude", "--sparsity", "0.5", ...crossEntropy];
  const out = (name: string) => ["-o", join(folder, name)];
  const without = await json("prune", model, "--data", half, "--held-out", half, ...settings, ...out("a.onnx"));
  const asked = ["--data", whole, "--held-out", whole, ...settings, ...masked];
  const found = await json("prune", model, ...asked, ...out("b.onnx"));
  expect(found.dense.loss).toBeCloseTo(without.dense.loss, 6);
  expect(found.dense.accuracy).toBe(without.dense.accuracy);
});

test("curvature: the loss is that of the labels that count", async () => {
  const settings = ["--kind", "diagonal", "--fisher", "empirical", ...crossEntropy];
  const run = (data: string, ...words: string[]) =>
    json("curvature", model, "--data", data, ...settings, ...words, "--out", join(folder, "c.safetensors"));
  const without = await run(half);
  expect((await run(whole, ...masked)).loss).toBeCloseTo(without.loss, 6);
});

test("merge: a recipe's data may name the mask", async () => {
  const run = async (name: string, data: object) => {
    const recipe = join(folder, `${name}.json`);
    const models = ["mlp", "mlp"].map(() => ({
      model: resolve(model),
      data: { scale: "1/255", ...data },
      held_out: { scale: "1/255", ...data },
    }));
    writeFileSync(recipe, JSON.stringify({ merge_method: "linear", models, loss: "cross-entropy" }));
    return json("merge", recipe);
  };
  const without = await run("half", { file: half });
  const found = await run("whole", { file: whole, mask: "seen" });
  expect(found.compared[0].accuracies).toEqual(without.compared[0].accuracies);
  expect(found.compared[0].losses[0]).toBeCloseTo(without.compared[0].losses[0], 6);
});
