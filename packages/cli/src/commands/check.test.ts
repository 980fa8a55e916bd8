import { expect, test } from "vitest";
import { checkResult } from "../check/result.ts";
import { runCommandLine } from "../commandLine.ts";
import { captureTerminal } from "../terminal/capture.ts";

async function run(...words: string[]): Promise<{ code: number; output: string; errors: string }> {
  const terminal = captureTerminal();
  const code = await runCommandLine(["check", ...words], terminal, new AbortController().signal);
  return { code, output: terminal.output, errors: terminal.errors };
}

const model = "packages/core/testdata/conformance/attn_ce_mean/model.onnx";

test("every comparison is told, and the loss, batch and engine are chosen", async () => {
  const { code, output } = await run(
    model,
    "--loss",
    "cross-entropy",
    "--batch",
    "3",
    "--engine",
    "reference",
    "--json",
  );
  expect(code).toBe(0);
  const result = checkResult.parse(JSON.parse(output));
  expect(result).toMatchObject({ passed: true, loss: "cross-entropy", data: "random" });
  expect(result.comparisons.map(({ quantity }) => quantity)).toEqual(["loss", "gradient", "hessian", "ggn"]);
  expect(Object.values(result.boundAt)[0]?.[0]).toBe(3);
});

test("a person reads a table and a verdict", async () => {
  const { code, output } = await run(model, "--engine", "reference");
  expect(code).toBe(0);
  expect(output).toMatch(/reference +Hessian product +differences, step \S+ +\S+ +1e-6 +ok/);
  expect(output).toContain("loss, gradient and products hold");
});

test("a model without parameters is an error", async () => {
  const { code, errors } = await run(model, "--parameters", "nothing*");
  expect(code).toBe(1);
  expect(errors).toMatch(/^Cannot choose parameters as a name or glob matches none/);
});
