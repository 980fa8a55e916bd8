/** A kill in the middle and a full disk: nothing is lost, and nothing half-written is taken for whole. */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
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
  return (await (await readTensors(inFolder(name))).tensors.get("scores")!.read()).data;
}

const files = (name: string): string[] => (existsSync(inFolder(name)) ? readdirSync(inFolder(name)) : []);

describe("influence that is", { timeout: 300_000 }, () => {
  test("killed goes on at the batch it had come to", async () => {
    const child = program(words("killed.npz", "cache"));
    const first = ended(child);
    while (files("cache").length < 4 && child.exitCode === null) await new Promise((done) => setTimeout(done, 10));
    child.kill("SIGKILL");
    expect(await first).toEqual({ code: null, errors: expect.any(String) });
    expect(readdirSync(folder)).toEqual(["cache"]);
    const kept = files("cache").filter((name) => name.endsWith(".safetensors"));
    expect(kept.length).toBeGreaterThanOrEqual(3);
    expect(await ended(program(words("killed.npz", "cache")))).toEqual({ code: 0, errors: expect.any(String) });
    expect(files("cache")).toEqual(expect.arrayContaining(kept));
    expect((await ended(program(words("whole.npz", "other")))).code).toBe(0);
    expect(await scoresOf("killed.npz")).toEqual(await scoresOf("whole.npz"));
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
