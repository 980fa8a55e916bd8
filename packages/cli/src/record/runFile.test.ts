import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readTensors } from "@hessonite/core";
import { afterAll, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { runCommandLine } from "../commandLine.ts";
import { captureTerminal } from "../terminal/capture.ts";

const folder = mkdtempSync(join(tmpdir(), "hessonite-record-"));
afterAll(() => rmSync(folder, { recursive: true }));
const testdata = "packages/influence/testdata";

async function run(...words: string[]): Promise<{ code: number; errors: string }> {
  const terminal = captureTerminal();
  const code = await runCommandLine(words, terminal, new AbortController().signal);
  return { code, errors: terminal.errors };
}

async function scoresOf(path: string): Promise<unknown> {
  return (await (await readTensors(path)).tensors.get("scores")!.read()).data;
}

describe("a run file", () => {
  const query = join(folder, "query.npz");
  writeFileSync(query, readFileSync(`${testdata}/concrete-query.npz`));
  const [first, again] = [join(folder, "scores.npz"), join(folder, "again.npz")];
  const words = [`${testdata}/concrete-mlp-0.onnx`, "--train", `${testdata}/concrete-train.npz`, "--query", query];
  const rows = ["--train-rows", "100:160", "--query-rows", "2", "--damping", "0.1x", "--loss", "mse"];

  test("stands beside a result and does the run again", async () => {
    expect((await run("influence", ...words, ...rows, "--out", first)).code).toBe(0);
    const { record, ...options } = parse(readFileSync(join(folder, "scores.run.yaml"), "utf8"));
    expect(options).toMatchObject({ "train-rows": "100:160", damping: "0.1x", seed: 0, strategy: "ekfac" });
    expect(record.command).toBe("influence");
    expect(record.files[query]).toMatch(/^[0-9a-f]{64}$/);
    expect(Object.keys(record.files)).toHaveLength(3);
    const replayed = await run("influence", "--config", join(folder, "scores.run.yaml"), "--out", again);
    expect(replayed).toEqual({ code: 0, errors: expect.not.stringContaining("record") });
    expect(await scoresOf(again)).toEqual(await scoresOf(first));
  });

  test("says what changed since", async () => {
    writeFileSync(query, readFileSync(`${testdata}/concrete-train.npz`));
    const { errors } = await run("influence", "--config", join(folder, "scores.run.yaml"), "--out", again);
    expect(errors).toContain(`${query} is not the file that the record is of`);
  });

  test("is refused by another command", async () => {
    const { code, errors } = await run("spectrum", "--config", join(folder, "scores.run.yaml"));
    expect([code, errors]).toEqual([2, expect.stringContaining("has an option that the command does not know")]);
    writeFileSync(join(folder, "other.yaml"), "record: { command: merge }\n");
    expect((await run("influence", "--config", join(folder, "other.yaml"))).errors).toContain("of another command");
  });
});
