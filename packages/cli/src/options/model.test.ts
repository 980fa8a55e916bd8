/** Options that every command on a model shares, through the commands that show what they do. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { writeNpz } from "@hessonite/core";
import { afterAll, expect, test } from "vitest";
import { runCheck } from "../check/check.ts";
import { checkOptions } from "../check/options.ts";
import type { CheckResult } from "../check/result.ts";
import type { CommandContext } from "../command.ts";

/** A bag of words with two outputs, whose output layer PyTorch stored as a transposed copy of its embedding. */
const model = "packages/core/testdata/identity/tied.onnx";

const folder = mkdtempSync(join(tmpdir(), "hessonite-model-"));
afterAll(() => rmSync(folder, { recursive: true }));

function check(options: Readonly<Record<string, unknown>>): Promise<CheckResult> {
  const context = { signal: new AbortController().signal } as CommandContext;
  return runCheck(checkOptions.parse({ model, engine: "reference", ...options }), context);
}

const [embedding, mix, head] = [7 * 4, 4 * 4 + 4, 4 * 7];

test("a copy is a parameter of its own until it is tied; a pattern that names none is an error", async () => {
  expect(await check({})).toMatchObject({ parameters: embedding + mix + head, passed: true });
  expect(await check({ tie: ["head.weight"] })).toMatchObject({ parameters: embedding + mix, passed: true });
  await expect(check({ tie: ["mix.*"] })).rejects.toThrow(/matches no copy\n.*expected +head\.weight/);
  await expect(check({ untie: ["head.*"] })).rejects.toThrow(/matches none that is used twice/);
});

test("any of several outputs is chosen by name", async () => {
  expect(await check({})).toMatchObject({ output: "logits" });
  expect(await check({ output: "hidden" })).toMatchObject({ output: "hidden", passed: true });
  await expect(check({ output: "loss" })).rejects.toThrow(/one of logits, hidden\n.*found +loss/);
});

test("labels that a mask of the data leaves out do not count", async () => {
  const data = join(folder, "data.npz");
  const int = (shape: readonly number[], values: readonly number[]) =>
    ({ dtype: "int64", shape, data: Float64Array.from(values) }) as const;
  await writeNpz(data, {
    tokens: int([2, 5], [0, 1, 2, 3, 4, 5, 6, 0, 1, 2]),
    y: int([2], [3, 99]),
    attention: int([2], [1, 0]),
  });
  const asked = { data, loss: "cross-entropy" };
  expect(await check({ ...asked, mask: "attention" })).toMatchObject({ passed: true });
  await expect(check(asked)).rejects.toThrow(/a label|out of range/);
});

test("execution providers are passed on by name, and one that is not there is said", async () => {
  await expect(check({ engine: "ort-node", provider: ["nonsense"] })).rejects.toThrow(
    /an execution provider is not available here\n +at +nonsense/,
  );
});
