import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { runCommandLine } from "../commandLine.ts";
import { exportResult } from "../export/result.ts";
import { captureTerminal } from "../terminal/capture.ts";

const folder = mkdtempSync(join(tmpdir(), "hessonite-export-"));
afterAll(() => rmSync(folder, { recursive: true }));

const digits = "testdata/mnist/digits-cnn.onnx";

test("the file's inputs and the places of the parameters are told", async () => {
  const terminal = captureTerminal();
  const out = join(folder, "hvp.onnx");
  const words = [
    "export",
    digits,
    "--operator",
    "hessian",
    "--loss",
    "cross-entropy",
    "--batch",
    "4",
    "--k",
    "2",
    "-o",
    out,
    "--json",
  ];
  expect(await runCommandLine(words, terminal, new AbortController().signal)).toBe(0);
  const result = exportResult.parse(JSON.parse(terminal.output));
  expect(result.inputs).toEqual([
    { name: "x", dtype: "float32", shape: [4, 1, 28, 28] },
    { name: "target", dtype: "int64", shape: [4] },
    { name: "v", dtype: "float32", shape: [2, 9098] },
  ]);
  expect(result.parameters.at(-1)).toMatchObject({ offset: 9098 - result.parameters.at(-1)!.size });
  expect(result.file.bytes).toBe(statSync(out).size);
});
