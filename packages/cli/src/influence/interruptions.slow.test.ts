/** A kill in the middle and a full disk: nothing is lost, and nothing half-written is taken for whole. */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readTensors } from "@hessonite/core";
import { afterAll, describe, expect, test } from "vitest";

const folder = mkdtempSync(join(tmpdir(), "hessonite-interrupted-"));
afterAll(() => rmSync(folder, { recursive: true }));
const inFolder = (name: string): string => join(folder, name);
const testdata = "packages/influence/testdata";
const words = (out: string, cache: string, batch = "20"): string[] => [
  "influence",
  `${testdata}/concrete-mlp-1.onnx`,
  ...["--train", `${testdata}/concrete-train.npz`, "--query", `${testdata}/concrete-query.npz`],
  ...["--query-rows", "8", "--loss", "mse", "--batch-size", batch, "--cache", inFolder(cache), "--out", inFolder(out)],
];
const node = ["--conditions=source", "--import", "tsx", "packages/cli/src/main.ts"];

function ended(child: ChildProcess): Promise<{ readonly code: number | null; readonly errors: string }> {
  let errors = "";
  child.stderr?.on("data", (text: Buffer) => {
    errors += text.toString();
  });
  return new Promise((resolve) => child.on("close", (code) => resolve({ code, errors })));
}

const program = (args: readonly string[]): ChildProcess =>
  spawn(process.execPath, [...node, ...args], { stdio: ["ignore", "ignore", "pipe"] });

/** With files of at most so many KiB: what a full disk is to a program. */
const onSmallDisk = (args: readonly string[], kib: number): ChildProcess =>
  spawn("bash", ["-c", `trap '' XFSZ; ulimit -f ${kib}; exec "$@"`, "bash", process.execPath, ...node, ...args], {
    stdio: ["ignore", "ignore", "pipe"],
  });

async function scoresOf(name: string): Promise<unknown> {
  const { tensors } = await readTensors(inFolder(name));
  return Promise.all(["scores", "self"].map(async (array) => (await tensors.get(array)!.read()).data));
}

/** What is kept whose key holds a text, and when it was written; sums on their way are written over. */
function keptOf(cache: string, key: string): string[] {
  return files(cache).flatMap((name) => {
    const path = join(inFolder(cache), name);
    if (!name.endsWith(".safetensors")) return [];
    const bytes = readFileSync(path);
    const header = bytes.toString("utf8", 8, 8 + Number(bytes.readBigUInt64LE(0))).replaceAll("\\", "");
    return header.includes(key) ? [`${name} ${statSync(path).mtimeMs}`] : [];
  });
}

const batchesIn = (cache: string): string[] => ['"firstRow":', '"factor":'].flatMap((key) => keptOf(cache, key));

const files = (name: string): string[] => (existsSync(inFolder(name)) ? readdirSync(inFolder(name)) : []);

describe("influence that is", { timeout: 600_000 }, () => {
  test.each([
    ["residual", '"stage":"residual"'],
    ["factors", '"stage":"factors"'],
    ["eigendecompositions", '"stage":"eigendecomposition"'],
    ["eigenvalues", '"stage":"eigenvalues"'],
    ["influence of rows on themselves", '"what":"self-influence"'],
    ["queries", '"what":"influence queries"'],
    ["scores", '"what":"influence scores"'],
  ])("killed in the midst of its %s goes on at the batch it had come to", async (part, key) => {
    const [out, cache] = [`${part}.npz`, `cache of ${part}`];
    const child = program([...words(out, cache), "--self"]);
    const first = ended(child);
    while (keptOf(cache, key).length === 0 && child.exitCode === null) await new Promise((done) => setTimeout(done, 5));
    child.kill("SIGKILL");
    expect(await first).toEqual({ code: null, errors: expect.any(String) });
    expect(files(".")).not.toContain(out);
    const before = batchesIn(cache);
    expect(await ended(program([...words(out, cache), "--self"]))).toEqual({ code: 0, errors: expect.any(String) });
    expect(batchesIn(cache)).toEqual(expect.arrayContaining(before)); // none was written again
    if (files("whole").length === 0) {
      mkdirSync(inFolder("whole"));
      expect((await ended(program([...words("whole/scores.npz", "other"), "--self"]))).code).toBe(0);
    }
    expect(await scoresOf(out)).toEqual(await scoresOf("whole/scores.npz"));
  });

  test.each(["scores.npz", "scores.safetensors"])("out of disk says so, and leaves no half of %s", async (out) => {
    mkdirSync(inFolder("disk"), { recursive: true });
    const { code, errors } = await ended(onSmallDisk(words(`disk/${out}`, "cache"), 16));
    expect([code, errors]).toEqual([
      1,
      expect.stringContaining("Cannot write the file as the file is larger than it may be"),
    ]);
    expect(files("disk")).toEqual([]);
  });
});
