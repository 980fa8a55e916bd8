import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { runCommandLine } from "../commandLine.ts";
import { conformanceResult } from "../conformance/result.ts";
import { captureTerminal } from "../terminal/capture.ts";

const folder = mkdtempSync(join(tmpdir(), "hessonite-conformance-"));
afterAll(() => rmSync(folder, { recursive: true }));

const kit = "packages/core/testdata/conformance";

async function run(...words: string[]): Promise<{ code: number; output: string; errors: string }> {
  const terminal = captureTerminal();
  const code = await runCommandLine(["conformance", ...words], terminal, new AbortController().signal);
  return { code, output: terminal.output, errors: terminal.errors };
}

test("a case passes on both engines, every key with its error", async () => {
  const { code, output } = await run(`${kit}/onedatum_ce_mean`, "--json");
  expect(code).toBe(0);
  const { keys, passed, failed } = conformanceResult.parse(JSON.parse(output));
  expect(new Set(keys.map(({ engine }) => engine))).toEqual(new Set(["reference", "ort-node"]));
  expect(keys.map(({ key }) => key)).toEqual(
    expect.arrayContaining(["loss", "gradient", "Hessian.AV", "GGN.AV", "EF.AV"]),
  );
  expect({ passed, failed }).toEqual({ passed: keys.length, failed: 0 });
});

test("a case whose expected values are another's fails, with exit code 1; a folder of cases is run whole", async () => {
  const cases = join(folder, "cases");
  cpSync(`${kit}/mlp_ce_mean`, join(cases, "a"), { recursive: true });
  cpSync(`${kit}/mlp_ce_mean`, join(cases, "b"), { recursive: true });
  cpSync(`${kit}/mlp_ce_sum/expected.npz`, join(cases, "b/expected.npz"));
  const { code, output } = await run(cases, "--engine", "reference");
  expect(code).toBe(1);
  expect(output).toMatch(/ b +reference +Hessian\.AV +\S+ +1e-9 +FAILED/);
  expect(output).toMatch(/ a +reference +Hessian\.AV +\S+ +1e-9 +ok/);
});

test("a case that does not run is a failure, and the others run", async () => {
  const cases = join(folder, "broken");
  cpSync(`${kit}/onedatum_ce_mean`, join(cases, "whole"), { recursive: true });
  cpSync(`${kit}/onedatum_ce_mean`, join(cases, "cut"), { recursive: true });
  const model = readFileSync(join(cases, "cut/model.onnx"));
  writeFileSync(join(cases, "cut/model.onnx"), model.subarray(0, 100));
  const { code, output } = await run(cases, "--engine", "reference", "--json");
  const result = conformanceResult.parse(JSON.parse(output));
  expect(code).toBe(1);
  expect(result.failed).toBe(1);
  expect(result.broken[0]).toMatchObject({ case: "cut", message: expect.stringMatching(/^Cannot read the model/) });
  expect(result.passed).toBeGreaterThan(5);
});

test("a path without cases is an error", async () => {
  const { code, errors } = await run("packages/core/src");
  expect(code).toBe(1);
  expect(errors).toMatchInlineSnapshot(`
    "Cannot run conformance cases as none is at this path
      at        packages/core/src
      expected  a folder with a case.json, or a folder of such folders
      found     neither
    "
  `);
});
