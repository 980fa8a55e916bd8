import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Tensor, writeNpz } from "@hessonite/core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { runCommandLine } from "../commandLine.ts";
import { measuredSpectrum, spectrumPlan, spectrumResult } from "../spectrum/result.ts";
import { captureTerminal } from "../terminal/capture.ts";

const folder = mkdtempSync(join(tmpdir(), "hessonite-spectrum-"));
afterAll(() => rmSync(folder, { recursive: true }));

const digits = "testdata/mnist/digits-cnn.onnx";
const onDigits = [digits, "--data", "testdata/mnist/digits.npz", "--scale", "1/255", "--loss", "cross-entropy"];
const oracle = JSON.parse(readFileSync("testdata/mnist/oracle.json", "utf8"));
const withoutEstimates = ["--eigenvalues", "0", "--samples", "0", "--density-probes", "0"];

async function run(...words: string[]): Promise<{ code: number; output: string; errors: string }> {
  const terminal = captureTerminal();
  const code = await runCommandLine(["spectrum", ...words], terminal, new AbortController().signal);
  return { code, output: terminal.output, errors: terminal.errors.replaceAll(`${folder}/`, "") };
}

function expectRelative(actual: readonly number[], expected: readonly number[], tolerance: number): void {
  expect(actual).toHaveLength(expected.length);
  for (const [i, value] of expected.entries()) expect(Math.abs((actual[i] ?? 0) / value - 1)).toBeLessThan(tolerance);
}

describe("figures that PyTorch has too", () => {
  test("loss, accuracy, gradient norm, eigenvalues and trace of the GGN", async () => {
    const { code, output, errors } = await run(
      ...onDigits,
      "--rows",
      "64",
      "--operator",
      "ggn",
      "--density-probes",
      "0",
      "--json",
    );
    expect({ code, errors }).toEqual({ code: 0, errors: "" });
    const result = measuredSpectrum.parse(JSON.parse(output));
    expectRelative(
      [result.lossValue ?? 0, result.gradientNorm ?? 0],
      [oracle.meanCrossEntropy, oracle.gradientNorm],
      1e-5,
    );
    expect(result.accuracy).toBe(oracle.accuracy);
    expectRelative(result.largest?.values ?? [], oracle.ggn.largest, 1e-3);
    const { mean, standardError } = result.trace ?? { mean: 0, standardError: 0 };
    expect(Math.abs(mean - oracle.ggn.trace)).toBeLessThan(4 * standardError);
    expect(standardError).toBeLessThan(0.5 * oracle.ggn.trace);
    const squares = result.parameters.reduce((sum, p) => sum + p.gradientNorm ** 2, 0);
    expectRelative([Math.sqrt(squares)], [oracle.gradientNorm], 1e-5);
  });

  test("both ends of the Hessian, in uneven batches, by the command's words", async () => {
    const words = [
      "--rows",
      "64",
      "--batch-size",
      "48",
      "--operator",
      "hessian",
      "--samples",
      "0",
      "--density-probes",
      "0",
    ];
    const { output } = await run(...onDigits, ...words, "--json");
    const result = measuredSpectrum.parse(JSON.parse(output));
    expect(result.data).toMatchObject({ rows: 64, batches: 2, batchSize: 48 });
    expectRelative(result.largest?.values ?? [], oracle.hessian.largest, 1e-3);
    expectRelative(result.smallest?.values ?? [], oracle.hessian.smallest, 1e-3);
  });
});

test("a subset of parameters, the other operators, and a report", async () => {
  const report = join(folder, "new/report.html");
  const small = [
    "--rows",
    "16",
    "--parameters",
    "conv1.*",
    "--eigenvalues",
    "2",
    "--samples",
    "4",
    "--density-probes",
    "2",
    "--density-steps",
    "8",
  ];
  for (const operator of ["empirical-fisher", "fisher-mc"]) {
    const { code, output, errors } = await run(
      ...onDigits,
      ...small,
      "--operator",
      operator,
      "--report",
      report,
      "--json",
    );
    expect({ code, errors }).toEqual({ code: 0, errors: `Report: new/report.html\n` });
    const result = measuredSpectrum.parse(JSON.parse(output));
    expect(result.parameterCount).toBe(80);
    expect(result.largest?.values[0]).toBeGreaterThan(0);
    const { grid = [], density = [] } = result.density ?? {};
    const step = (grid[1] ?? 0) - (grid[0] ?? 0);
    expect(density.reduce((sum, d) => sum + d * step, 0)).toBeCloseTo(1, 2);
  }
  const html = readFileSync(report, "utf8");
  expect(html).toContain("Sampled Fisher matrix of digits-cnn.onnx");
  expect(html.match(/<svg/g)).toHaveLength(3);
  expect(html.match(/(src|href)="?https?:|@import|<script|<link|url\((?!#)/g)).toBeNull();
});

test("--dry-run counts, and runs nothing", async () => {
  const { code, output } = await run(...onDigits, "--rows", "64", "--dry-run", "--json", "--samples", "10");
  expect(code).toBe(0);
  const plan = spectrumPlan.parse(spectrumResult.parse(JSON.parse(output)));
  // Convolutions and the linear layer of 64 images, forward: 2 · 64 · (28²·8·9 + 14²·16·72 + 10·784) operations.
  const forward = 2 * 64 * (28 ** 2 * 8 * 9 + 14 ** 2 * 16 * 72 + 10 * 784);
  expect(plan.flopsPerGradient).toBeGreaterThan(2 * forward);
  expect(plan.flopsPerGradient).toBeLessThan(4 * forward);
  expect(plan.stages.find(({ stage }) => stage === "trace")).toMatchObject({ products: 10, estimated: false });
  expect(plan.peakBytes).toBeGreaterThan(4 * 64 * 8 * 28 ** 2);
  expect(plan.seconds).toBeGreaterThan(0);
  expect((await run(...onDigits, "--dry-run")).output).toContain("Nothing of this was run.");
});

describe("what is wrong is said, with exit code 1", () => {
  const rows = 6;
  const x: Tensor = { dtype: "float32", shape: [rows, 1, 28, 28], data: new Float32Array(rows * 784).fill(0.5) };
  const y: Tensor = { dtype: "int32", shape: [rows], data: Int32Array.of(0, 1, 2, 3, 4, 5) };
  const files: Record<string, Record<string, Tensor>> = {
    "noInput.npz": { images: x, y },
    "shape.npz": { x: { ...x, shape: [rows, 28, 14, 2] }, y },
    "rows.npz": { x, y: { ...y, shape: [4], data: y.data.slice(0, 4) } },
    "range.npz": { x, y: { ...y, data: Int32Array.of(0, 1, 2, 10, 4, 5) } },
    "nan.npz": { x: { ...x, data: x.data.map((v, i) => (i === 784 * 2 + 30 ? Number.NaN : v)) }, y },
    "noTarget.npz": { x },
    "good.npz": { x, y },
  };
  beforeAll(async () => {
    for (const [name, tensors] of Object.entries(files)) await writeNpz(join(folder, name), tensors);
  });

  async function errorsOf(data: string, ...words: string[]): Promise<string> {
    const path = join(folder, data);
    const { code, errors, output } = await run(
      digits,
      "--data",
      path,
      "--loss",
      "cross-entropy",
      ...withoutEstimates,
      ...words,
    );
    expect({ code, output }).toEqual({ code: 1, output: "" });
    return errors;
  }

  test("good data pass", async () => {
    const { code } = await run(
      digits,
      "--data",
      join(folder, "good.npz"),
      "--loss",
      "cross-entropy",
      ...withoutEstimates,
    );
    expect(code).toBe(0);
  });

  test("an input is missing", async () => {
    expect(await errorsOf("noInput.npz")).toMatchInlineSnapshot(`
      "Cannot use data as an input of the model is missing from them
        at        noInput.npz
        expected  array "x" float32 [*, 1, 28, 28]
        found     images float32 [6, 1, 28, 28], y int32 [6]
        try       name the arrays like the model's inputs; a single one may be called x
      "
    `);
  });
  test("a shape does not fit", async () => {
    expect(await errorsOf("shape.npz")).toMatchInlineSnapshot(`
      "Cannot use data as an array has another shape than the model's input
        at        shape.npz, array "x"
        expected  "x" float32 [*, 1, 28, 28]
        found     [6, 28, 14, 2]
        try       reshape the array: it has as many elements a row as the input
      "
    `);
  });
  test("a type does not fit: floats for a model that looks up tokens", async () => {
    const model = "packages/core/testdata/conformance/attn_ce_mean/model.onnx";
    const path = join(folder, "floats.npz");
    await writeNpz(path, { x: { dtype: "float32", shape: [2, 5], data: new Float32Array(10) } });
    const { code, errors } = await run(model, "--data", path, "--loss", "cross-entropy");
    expect(code).toBe(1);
    expect(errors).toMatchInlineSnapshot(`
      "Cannot use data as an array has another type than the model's input
        at        floats.npz, array "x"
        expected  "x" int64 [*, 5]
        found     float32
        try       save the array as int64
      "
    `);
  });
  test("rows differ", async () => {
    expect(await errorsOf("rows.npz")).toMatchInlineSnapshot(`
      "Cannot use data as its arrays have different numbers of rows
        at        rows.npz
        expected  one length of all first axes
        found     rows.npz, array "x": [6, 1, 28, 28]; rows.npz, array "y": [4]
      "
    `);
  });
  test("a label is out of range", async () => {
    expect(await errorsOf("range.npz")).toMatchInlineSnapshot(`
      "Cannot use the targets as labels as one is out of range
        at        range.npz, batch 0, row 3
        expected  an integer from 0 to 9
        found     10
        try       set ignoreIndex if this label marks positions that do not count
      "
    `);
  });
  test("data hold NaN", async () => {
    expect(await errorsOf("nan.npz")).toMatchInlineSnapshot(`
      "Cannot use data as an array holds NaN or an infinity
        at        nan.npz, array "x"
        found     NaN
        row       2
        column    [0, 1, 2]
        try       drop or fill these rows, or pass nonFinite: "allow"
      "
    `);
  });
  test("the target is missing", async () => {
    expect(await errorsOf("noTarget.npz")).toMatchInlineSnapshot(`
      "Cannot make the GGN as the data have no target
        at        noTarget.npz
        try       add an array "y" to the data file, or name the target
      "
    `);
    expect(await errorsOf("good.npz", "--target", "labels")).toMatchInlineSnapshot(`
      "Cannot use data as the file has no array of that name
        at        good.npz
        expected  array "labels"
        found     x float32 [6, 1, 28, 28], y int32 [6]
      "
    `);
  });
  test("the rows asked for are not there", async () => {
    expect(await errorsOf("good.npz", "--rows", "6:9")).toMatchInlineSnapshot(`
      "Cannot use data as no rows are in them
        at        good.npz
        expected  1 row or more
        found     rows 6 to 9 of 6
      "
    `);
  });
  test("the file is missing, or of no known kind", async () => {
    expect(await errorsOf("absent.npz")).toMatchInlineSnapshot(`
      "Cannot read data as the file cannot be opened
        at        absent.npz
        found     no such file
      "
    `);
    writeFileSync(join(folder, "data.pkl"), "x");
    expect(await errorsOf("data.pkl")).toMatchInlineSnapshot(`
      "Cannot read data as the file's extension names no format we know
        at        data.pkl
        expected  .npz .npy .safetensors .csv .tsv
        found     .pkl
      "
    `);
  });
  test("no parameter has that name", async () => {
    expect(await errorsOf("good.npz", "--parameters", "fc*")).toMatchInlineSnapshot(`
      "Cannot choose parameters as a name or glob matches none
        at        digits-cnn.onnx
        found     fc*
        try       one of conv1.weight, conv1.bias, conv2.weight, conv2.bias, head.weight, head.bias
      "
    `);
  });
  test("an operator is not supported", async () => {
    const model = join(folder, "unknown.onnx");
    writeFileSync(model, Buffer.from(readFileSync(digits, "latin1").replaceAll("\x04Relu", "\x04Rely"), "latin1"));
    const { code, errors } = await run(model, "--data", join(folder, "good.npz"), "--loss", "cross-entropy");
    expect(code).toBe(1);
    expect(errors).toMatchInlineSnapshot(`
      "Cannot use Rely as it is not supported
        at        unknown.onnx, node "/relu1/Relu" and 1 more
        try       export with other operators, or choose an output that does not need them
      "
    `);
  });
  test("the report cannot be written", async () => {
    const report = join(folder, "good.npz", "report.html");
    expect(await errorsOf("good.npz", "--report", report)).toMatch(
      /^Cannot write --report as its folder cannot be written to\n/,
    );
  });
});
