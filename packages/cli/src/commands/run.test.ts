import { execFileSync, spawn } from "node:child_process";
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { loadPlugin } from "@hessonite/core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { runCommandLine } from "../commandLine.ts";
import { captureTerminal } from "../terminal/capture.ts";

const folder = mkdtempSync(join(tmpdir(), "hessonite-plugin-"));
afterAll(() => rmSync(folder, { recursive: true }));
const require = createRequire(import.meta.url);

/** A project of somebody else's with the template installed from a packed tarball, and the peers that it asks for. */
beforeAll(() => {
  const npm = (words: readonly string[], cwd: string): string =>
    execFileSync("npm", [...words, "--silent"], { cwd, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
  const tarball = npm(["pack", "--pack-destination", folder], "templates/plugin").trim();
  writeFileSync(join(folder, "package.json"), '{ "name": "project", "private": true }\n');
  npm(["install", "--offline", "--no-audit", "--no-fund", "--legacy-peer-deps", `./${tarball}`], folder);
  mkdirSync(join(folder, "node_modules/@hessonite"));
  symlinkSync(resolve("packages/core"), join(folder, "node_modules/@hessonite/core"));
  symlinkSync(dirname(require.resolve("zod/package.json")), join(folder, "node_modules/zod"));
  copyFileSync("testdata/mnist/digits-cnn.onnx", join(folder, "model.onnx"));
  copyFileSync("testdata/mnist/digits.npz", join(folder, "digits.npz"));
}, 120_000);

/** The program itself, in that project. */
function program(...words: string[]): Promise<{ readonly code: number | null; readonly errors: string }> {
  const main = resolve("packages/cli/src/main.ts");
  const args = ["--conditions=source", "--import", pathToFileURL(require.resolve("tsx")).href, main, ...words];
  const child = spawn(process.execPath, args, { cwd: folder, stdio: ["ignore", "ignore", "pipe"] });
  let errors = "";
  child.stderr.on("data", (text: Buffer) => {
    errors += text.toString();
  });
  return new Promise((done) => child.on("close", (code) => done({ code, errors })));
}

const request = `plugin: hessonite-plugin-trace
inputs:
  model: model.onnx
  train: { file: digits.npz, scale: 0.00392156862745098, rows: { end: 32 } }
operators: { curvature: { kind: ggn } }
options: { loss: cross-entropy, parameters: ["*bias*"] }
`;

describe("a plugin that was installed from a packed tarball", () => {
  test("runs by its package's name, and leaves a file that runs it again", { timeout: 180_000 }, async () => {
    writeFileSync(join(folder, "trace.yaml"), request);
    expect(await program("run", "trace.yaml", "-o", "trace.json")).toEqual({ code: 0, errors: expect.any(String) });
    const { trace, byParameter } = JSON.parse(readFileSync(join(folder, "trace.json"), "utf8"));
    expect(trace).toBeGreaterThan(0);
    const sum = byParameter.reduce((total: number, one: { trace: number }) => total + one.trace, 0);
    expect(sum).toBeCloseTo(trace, 8);
    const { record } = parse(readFileSync(join(folder, "trace.run.yaml"), "utf8"));
    expect(Object.keys(record.files).sort()).toEqual(["digits.npz", "model.onnx", "trace.yaml"]);
    expect((await program("run", "--config", "trace.run.yaml", "-o", "again.json")).code).toBe(0);
    expect(readFileSync(join(folder, "again.json"), "utf8")).toBe(readFileSync(join(folder, "trace.json"), "utf8"));
  });

  test("is held to its schemas, and loaded only when it is named", { timeout: 60_000 }, async () => {
    expect(readdirSync(join(folder, "node_modules/hessonite-plugin-trace")).sort()).toEqual([
      "README.md",
      "index.js",
      "package.json",
    ]);
    writeFileSync(join(folder, "wrong.yaml"), request.replace("cross-entropy", "hinge"));
    const { code, errors } = await program("run", "wrong.yaml");
    expect([code, errors]).toEqual([
      1,
      expect.stringContaining("Cannot run trace as its options do not fit its schema"),
    ]);
  });

  test("is found though it offers itself to import alone", async () => {
    const other = join(folder, "node_modules/import-only");
    mkdirSync(join(other, "lib"), { recursive: true });
    writeFileSync(join(other, "package.json"), '{ "type": "module", "exports": { ".": { "import": "./lib/a.js" } } }');
    writeFileSync(join(other, "lib/a.js"), "export const nothing = 1;\n");
    await expect(loadPlugin("import-only", { from: folder })).rejects.toThrow("does not export one");
    writeFileSync(join(other, "lib/b.js"), 'export const plugin = { name: "Broken" };\n');
    writeFileSync(join(other, "package.json"), '{ "type": "module", "exports": { "import": "./lib/b.js" } }');
    await expect(loadPlugin("import-only", { from: folder })).rejects.toThrow("do not fit its schema");
  });
});

describe("hessonite run and hessonite plugin", () => {
  async function run(...words: string[]): Promise<{ code: number; output: string; errors: string }> {
    const terminal = captureTerminal();
    const code = await runCommandLine(words, terminal, new AbortController().signal);
    return { code, output: terminal.output, errors: terminal.errors };
  }

  test("know our own applications", async () => {
    const { code, output } = await run("plugin", "@hessonite/influence");
    expect(code).toBe(0);
    const { request: schema } = JSON.parse(output);
    expect(schema.properties.options.required).toEqual(["loss"]);
    expect(JSON.stringify(schema.properties.operators)).toContain('"const":"ekfac"');
  });

  test("put long arrays beside the result", { timeout: 60_000 }, async () => {
    const data = "packages/influence/testdata";
    const file = join(folder, "influence.yaml");
    writeFileSync(
      file,
      `plugin: "@hessonite/influence"
inputs:
  model: ${data}/concrete-mlp-0.onnx
  train: { file: ${data}/concrete-train.npz, rows: { end: 40 } }
  query: { file: ${data}/concrete-query.npz, rows: { end: 2 } }
options: { loss: mse }
`,
    );
    expect((await run("run", file, "-o", join(folder, "influence.json"))).code).toBe(0);
    const found = JSON.parse(readFileSync(join(folder, "influence.json"), "utf8"));
    expect([found.rows, found.scores]).toEqual([40, [{ array: "scores.0", length: 80 }]]);
    expect(readdirSync(folder)).toContain("influence.npz");
  });

  test.each([
    ["no.yaml", undefined, "its file cannot be opened"],
    ["a.yaml", "inputs: [", "is not YAML"],
    ["b.yaml", "plugin: x\n", "is not of the expected form"],
    ["c.yaml", "plugin: not-there\ninputs: {}\n", "npm install not-there"],
  ])("say what is wrong with %s", async (name, text, message) => {
    if (text !== undefined) writeFileSync(join(folder, name), text);
    const { code, errors } = await run("run", join(folder, name));
    expect([code, errors]).toEqual([1, expect.stringContaining(message)]);
  });
});
