import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readFactors, readTensors, writeNpz } from "@hessonite/core";
import { afterAll, describe, expect, test } from "vitest";
import { runCommandLine } from "../commandLine.ts";
import { diagonalResult } from "../estimate/diagonal.ts";
import { eigsResult } from "../estimate/eigs.ts";
import { traceResult } from "../estimate/trace.ts";
import { solveResult } from "../solve/result.ts";
import { captureTerminal } from "../terminal/capture.ts";
import { tourResult } from "../tour/result.ts";

const folder = mkdtempSync(join(tmpdir(), "hessonite-operators-"));
afterAll(() => rmSync(folder, { recursive: true }));

const oracle = JSON.parse(readFileSync("testdata/mnist/oracle.json", "utf8"));
const onDigits = ["--data", "testdata/mnist/digits.npz", "--scale", "1/255", "--loss", "cross-entropy", "--rows", "64"];
const few = ["--parameters", "conv1.*", "head.bias"]; // 90 parameters

async function run(command: string, ...words: string[]): Promise<{ code: number; output: string; errors: string }> {
  const terminal = captureTerminal();
  const line = [...command.split(" "), "testdata/mnist/digits-cnn.onnx", ...onDigits, ...words];
  const code = await runCommandLine(line, terminal, new AbortController().signal);
  return { code, output: terminal.output, errors: terminal.errors };
}

const json = async (command: string, ...words: string[]): Promise<unknown> =>
  JSON.parse((await run(command, ...words, "--json")).output);

const near = (found: number | undefined, expected: number, relative: number): void =>
  expect(Math.abs((found ?? 0) / expected - 1)).toBeLessThan(relative);

describe("figures that PyTorch has too", () => {
  test("the trace of the GGN", async () => {
    const { mean, standardError, products } = traceResult.parse(await json("trace", "--samples", "32"));
    expect(products).toBe(32);
    expect(Math.abs(mean - oracle.ggn.trace)).toBeLessThan(4 * standardError);
    const ekfac = traceResult.parse(await json("trace", "--operator", "ekfac"));
    near(ekfac.mean, oracle.ggn.trace, 1e-4); // EKFAC keeps the trace of the layers' blocks
    expect(ekfac).toMatchObject({ standardError: 0, method: "exact" });
  });

  test("both ends of the Hessian's spectrum", async () => {
    const top = eigsResult.parse(await json("eigs", "--operator", "hessian", "--count", "2"));
    expect(top.outcome).toBe("converged");
    for (const [i, value] of top.values.entries()) near(value, oracle.hessian.largest[i], 1e-3);
    const bottom = eigsResult.parse(await json("eigs", "--operator", "hessian", "--count", "1", "--which", "bottom"));
    near(bottom.values[0], oracle.hessian.smallest[0], 1e-3);
  });
});

test("a diagonal is exact from the matrix's side on, sums to the trace, and is written parameter by parameter", async () => {
  const out = join(folder, "diagonal.npz");
  const found = diagonalResult.parse(await json("diagonal", ...few, "--samples", "90", "--out", out));
  const { mean } = traceResult.parse(await json("trace", ...few, "--samples", "90"));
  near(found.sum, mean, 1e-6);
  expect(found).toMatchObject({ method: "exact", meanStandardError: 0 });
  const { tensors } = await readTensors(out);
  expect([...tensors.keys()]).toEqual(["conv1.weight", "conv1.bias", "head.bias"]);
  const weight = await tensors.get("conv1.weight")?.read();
  expect(weight?.shape).toEqual([8, 1, 3, 3]);
  near(
    Array.from(weight?.data ?? []).reduce((a, b) => a + b, 0),
    found.parameters[0]?.sum ?? 0,
    1e-6,
  );
});

describe("solve", () => {
  test("finds the same by its own inverse, by conjugate gradients and with several right-hand sides", async () => {
    const out = (name: string): string => join(folder, `${name}.npz`);
    const common = [...few, "--operator", "kfac", "--damping", "0.01", "--tolerance", "1e-10"];
    const own = solveResult.parse(await json("solve", ...common, "--out", out("own")));
    expect(own).toMatchObject({ outcome: "exact", products: 0 });
    expect(own.rows[0]?.residual).toBeLessThan(1e-10);
    const cg = solveResult.parse(await json("solve", ...common, "--method", "cg", "--out", out("cg")));
    expect(cg.outcome).toBe("converged");
    near(cg.rows[0]?.norm, own.rows[0]?.norm ?? 0, 1e-8);
    const rhs = join(folder, "rhs.npz");
    const data = Float64Array.from({ length: 180 }, (_, i) => Math.sin(i));
    await writeNpz(rhs, { b: { dtype: "float64", shape: [2, 90], data } });
    const two = solveResult.parse(await json("solve", ...common, "--rhs", rhs, "--out", out("two")));
    expect(two.rows.map(({ residual }) => residual < 1e-10)).toEqual([true, true]);
    expect((await (await readTensors(out("two"))).tensors.get("conv1.bias")?.read())?.shape).toEqual([2, 8]);
  });

  test("says what did not converge, in words, in JSON and by its exit code", async () => {
    const words = ["--damping", "1e-4", "--max-iterations", "2"];
    const { code, output } = await run("solve", ...words);
    expect(code).toBe(1);
    expect(output).toContain("NOT converged: iteration limit");
    const found = solveResult.parse(await json("solve", ...words));
    expect(found).toMatchObject({ outcome: "iteration limit", iterations: 2 });
    expect(found.rows[0]?.history).toHaveLength(3);
    expect(found.rows[0]?.residual).toBeGreaterThan(1e-3);
  });

  test("says what is wrong with a right-hand side", async () => {
    const rhs = join(folder, "short.npz");
    await writeNpz(rhs, { b: { dtype: "float64", shape: [5], data: new Float64Array(5) } });
    expect((await run("solve", ...few, "--rhs", rhs)).errors).toContain("its length is not that of the parameters");
  });
});

test("eigenpairs that do not converge are an outcome", async () => {
  const { code, output } = await run("eigs", "--operator", "hessian", "--which", "bottom", "--max-products", "24");
  expect(code).toBe(1);
  expect(output).toContain("NOT converged: iteration limit");
});

describe("factors", () => {
  const file = (name: string): string => join(folder, `${name}.safetensors`);

  test("of two parts merge to those of the whole", async () => {
    await run("factors", "--batch-size", "16", "--out", file("whole"));
    for (const part of ["1/2", "2/2"])
      await run("factors", "--batch-size", "16", "--shard", part, "--out", file(part[0] ?? ""));
    const terminal = captureTerminal();
    const words = ["factors", "merge", file("1"), file("2"), "--out", file("merged")];
    expect(await runCommandLine(words, terminal, new AbortController().signal)).toBe(0);
    const [whole, merged] = [await readFactors(file("whole")), await readFactors(file("merged"))];
    expect(merged.factors.rows).toBe(64);
    for (const [i, { a, g }] of whole.factors.blocks.entries()) {
      const other = merged.factors.blocks[i];
      for (const [x, y] of [
        [g, other?.g],
        [a, other?.a],
      ]) {
        const [left, right] = [x, y].map((f) => (f instanceof Float64Array ? f : (f?.data ?? new Float64Array())));
        const most = left?.reduce((m, v) => Math.max(m, Math.abs(v)), 0) ?? 0;
        expect(left?.every((v, at) => Math.abs(v - (right?.[at] ?? 0)) < 1e-5 * most)).toBe(true);
      }
    }
    const again = captureTerminal();
    const twice = ["factors", "merge", file("1"), file("1"), "--out", file("twice")];
    expect(await runCommandLine(twice, again, new AbortController().signal)).toBe(1);
    expect(again.errors).toContain("two files are of the same part of the data");
  });

  test("are refused for an operator that has none", async () => {
    const { code, errors } = await run("factors", "--operator", "ggn");
    expect({ code, errors: errors.split("\n")[0] }).toEqual({
      code: 1,
      errors: "Cannot give factors of this operator as it has none",
    });
  });
});

test("a tour draws six matrices and sets them side by side", async () => {
  const report = join(folder, "tour.html");
  const { matrices } = tourResult.parse(await json("tour", ...few, "--report", report));
  const [hessian, ggn, , , kfac, ekfac] = matrices;
  expect(ggn?.fromGgn).toBe(0);
  expect(hessian?.fromGgn).toBeLessThan(1e-6); // with the layers after it fixed, the outputs are piecewise linear in conv1
  near(ekfac?.trace, ggn?.trace ?? 0, 1e-5);
  expect(ekfac?.fromBlocks).toBeLessThan(kfac?.fromBlocks ?? 0);
  const html = readFileSync(report, "utf8");
  expect(html.match(/<image href="data:image\/png;base64,/g)).toHaveLength(6);
  expect(html.match(/(src|href)="?https?:|@import|<script|<link|url\((?!#)/g)).toBeNull();
  expect((await run("tour", "--report", report)).errors).toContain("its matrices would be too large to look at");
});

describe("an operator's words", () => {
  test.each([
    ["kfca", "expected  one of identity, diagonal, kfac"],
    ["kfac,samples=0", "kfac takes fisher, samples, seed"],
    ["hessian,samples=3", "hessian takes no options"],
  ])("%s is refused", async (word, said) => {
    const { code, errors } = await run("trace", "--operator", word);
    expect(code).toBe(2);
    expect(errors).toContain(said);
  });

  test("a spectrum is of any operator, and is counted where its products are graphs", async () => {
    const quick = ["--eigenvalues", "1", "--density-probes", "0"];
    const { code } = await run("spectrum", ...few, ...quick, "--operator", "kfac,fisher=mc,samples=2");
    expect(code).toBe(0);
    expect((await run("spectrum", "--operator", "kfac", "--dry-run")).errors).toContain(
      "making it takes a pass over the data",
    );
  });
});
