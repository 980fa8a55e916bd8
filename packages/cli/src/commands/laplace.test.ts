import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { runCommandLine } from "../commandLine.ts";
import { laplaceCommandResult } from "../laplace/result.ts";
import { captureTerminal } from "../terminal/capture.ts";

const folder = mkdtempSync(join(tmpdir(), "hessonite-laplace-"));
afterAll(() => rmSync(folder, { recursive: true }));

const digits = "packages/laplace/testdata/digits";
const onDigits = [`${digits}/mlp-1.onnx`, "--train", `${digits}/digits.npz`, "--train-rows", "300", "--scale", "1/16"];
const settings = ["--likelihood", "categorical", "--weights", "last-layer", "--samples", "100"];

async function run(...words: string[]): Promise<{ code: number; output: string; errors: string }> {
  const terminal = captureTerminal();
  const code = await runCommandLine(["laplace", ...words], terminal, new AbortController().signal);
  return { code, output: terminal.output, errors: terminal.errors };
}

test("the digits: a table, a verdict, a file and a report", async () => {
  const [out, report] = [join(folder, "uncertain.onnx"), join(folder, "report.html")];
  const heldOut = ["--held-out", `${digits}/digits.npz`, "--held-out-rows", "1500:1797"];
  const { code, output } = await run(...onDigits, ...settings, ...heldOut, "-o", out, "--report", report, "--json");
  expect(code).toBe(0);
  const result = laplaceCommandResult.parse(JSON.parse(output));
  expect(result).toMatchObject({ kind: "laplace", weights: ["fc3.weight", "fc3.bias"], weightCount: 510, rows: 300 });
  expect(result.table.length).toBeGreaterThanOrEqual(4);
  expect(result.deployed).toEqual({
    file: out,
    outputs: ["logits", "probabilities", "uncertainty", "variance"],
    rows: null,
  });
  expect(statSync(out).size).toBeGreaterThan(25_000);
  const page = readFileSync(report, "utf8");
  for (const title of [
    "Verdict",
    "Held-out rows",
    "Reliability",
    "Uncertainty",
    "Confidence",
    "Evidence",
    "Settings",
  ]) {
    expect(page).toContain(`<h2>${title}</h2>`);
  }
  expect(page.match(/(src|href)="?https?:|@import|<script|<link|url\((?!#)/g)).toBeNull();
});

test("a fit is saved, used without its data, and brought up to date with more", async () => {
  const [first, second] = [join(folder, "first.safetensors"), join(folder, "second.safetensors")];
  const model = `${digits}/mlp-1.onnx`;
  const data = (flag: string, rows: string) => [flag, `${digits}/digits.npz`, `${flag}-rows`, rows, "--scale", "1/16"];
  const json = async (...words: string[]) => {
    const { code, output, errors } = await run(model, ...words, ...settings, "--json");
    expect(errors).not.toMatch(/Cannot/);
    expect(code).toBe(0);
    return laplaceCommandResult.parse(JSON.parse(output));
  };
  const fitted = await json(...data("--train", "200"), "--save", first);
  expect(fitted.saved).toBe(first);
  const read = await json(...data("--held-out", "1500:1700"), "--fit", first);
  expect(read.train).toBeNull();
  expect(read.rows).toBe(200);
  expect(read.evidence.total).toBeCloseTo(fitted.evidence.total, 8);
  expect(read.table.length).toBeGreaterThanOrEqual(4);
  await json(...data("--train", "200:300"), "--fit", first, "--save", second, "--prior", "2");
  const updated = await json(...data("--held-out", "1500:1560"), "--fit", second, "--prior", "2");
  const whole = await json(...data("--train", "300"), "--prior", "2");
  expect(updated.rows).toBe(300);
  expect(Math.abs(updated.evidence.total / whole.evidence.total - 1)).toBeLessThan(1e-5); // float32 sums
  // Shards that were saved by themselves are one fit.
  const shard = join(folder, "shard.safetensors");
  await json(...data("--train", "200:300"), "--save", shard);
  const merged = await json(...data("--held-out", "1500:1560"), "--fit", first, shard, "--prior", "2");
  expect(merged.evidence.total).toBeCloseTo(updated.evidence.total, 8);
  const refused = await run(`${digits}/mlp-2.onnx`, ...data("--held-out", "1500:1560"), "--fit", first, ...settings);
  expect(refused.errors).toMatch(/^Cannot use the posterior as it is of another model or checkpoint/);
  const none = await run(model, "--likelihood", "categorical");
  expect(none.errors).toMatch(/^Cannot fit as there are no training rows/);
});

test("tuned by held-out rows, over a subnetwork, with conformal sets and a checkpoint", async () => {
  const checkpoint = join(folder, "parts.safetensors");
  const heldOut = ["--held-out", `${digits}/digits.npz`, "--held-out-rows", "1200:1797"];
  const words = [...onDigits, ...settings, ...heldOut, "--structure", "full", "--subnetwork", "magnitude"];
  const more = ["--subnetwork-size", "60", "--tune", "held-out", "--coverage", "0.9", "--checkpoint", checkpoint];
  const { code, output } = await run(...words, ...more, "--rows-at-once", "150", "--json");
  expect(code).toBe(0);
  const result = laplaceCommandResult.parse(JSON.parse(output));
  expect(result.weightCount).toBe(60);
  expect(result.tunedBy).toBe("held-out rows");
  // 298 rows calibrate and 299 check: the share has a standard deviation of some 2.5 points.
  expect(Math.abs(result.conformal!.found - 0.9)).toBeLessThan(0.08);
  expect(result.conformal!.size).toBeLessThan(1.5);
  expect(statSync(checkpoint).size).toBeGreaterThan(60 * 60 * 8);
});

test("one number from one: the report has the band", async () => {
  const line = "packages/laplace/testdata/line";
  const report = join(folder, "line.html");
  const words = [`${line}/line.onnx`, "--train", `${line}/line.npz`, "--held-out", `${line}/query.npz`];
  const how = ["--likelihood", "gaussian", "--structure", "full", "--coverage", "0.9", "--report", report, "--json"];
  const { code, output } = await run(...words, ...how);
  expect(code).toBe(0);
  const { band, conformal, noise } = laplaceCommandResult.parse(JSON.parse(output));
  expect(noise).toBeGreaterThan(0.1);
  expect(noise).toBeLessThan(0.2);
  expect(Math.abs(conformal!.found - 0.9)).toBeLessThan(0.1);
  // In the gap the function is less sure of itself than among the data.
  const at = (x: number) => band!.points.reduce((best, p) => (Math.abs(p.x - x) < Math.abs(best.x - x) ? p : best));
  expect(at(0).function).toBeGreaterThan(1.5 * at(2).function);
  expect(at(0).observation).toBeGreaterThan(at(0).function);
  expect(band!.data.length).toBe(80);
  expect(readFileSync(report, "utf8")).toContain("<h2>Band</h2>");
});

test("a person reads the verdict last", async () => {
  const { output } = await run(...onDigits, ...settings, "--prior", "2");
  expect(output).toContain("prior          precision 2.00 (scalar)");
  expect(output.trimEnd()).toMatch(/Keep the model's probabilities: there were no held-out rows to choose by\.$/);
});

test("what is wrong is said", async () => {
  expect((await run(...onDigits, "--likelihood", "categorical", "--prior", "0")).errors).toMatch(/prior/);
  const { code, errors } = await run(...onDigits, "--likelihood", "gaussian");
  expect(code).toBe(1);
  expect(errors).toMatch(/^Cannot use the targets as their shape is not the prediction's/);
});
