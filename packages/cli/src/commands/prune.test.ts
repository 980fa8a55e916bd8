import { createHash } from "node:crypto";
import { copyFileSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openFileSession } from "@hessonite/core";
import { afterAll, expect, test } from "vitest";
import { runCommandLine } from "../commandLine.ts";
import { pruneCommandResult } from "../prune/result.ts";
import { captureTerminal } from "../terminal/capture.ts";

const folder = mkdtempSync(join(tmpdir(), "hessonite-prune-"));
afterAll(() => rmSync(folder, { recursive: true }));

const model = "packages/prune/testdata/mnist/mlp.onnx";
const rows = "testdata/mnist/digits-train.npz";
const onDigits = [model, "--data", rows, "--rows", "60", "--held-out", rows, "--held-out-rows", "1000:1200"];
const settings = ["--scale", "1/255", "--batch-size", "100", "--loss", "cross-entropy"];

const cnn = [
  "testdata/mnist/digits-cnn.onnx",
  "--data",
  rows,
  "--rows",
  "100",
  "--held-out",
  "testdata/mnist/digits.npz",
];
const byChannels = [...cnn, ...settings, "--granularity", "channel"];

async function run(...words: string[]): Promise<{ code: number; output: string; errors: string }> {
  const terminal = captureTerminal();
  const code = await runCommandLine(["prune", ...words], terminal, new AbortController().signal);
  return { code, output: terminal.output, errors: terminal.errors };
}

test("a classifier of digits within a drop: a smaller model, a report, the source untouched", async () => {
  const [out, report] = [join(folder, "small.onnx"), join(folder, "report.html")];
  const before = createHash("sha256").update(readFileSync(model)).digest("hex");
  const asked = ["--method", "magnitude", "--max-drop", "2%", "-o", out, "--report", report, "--json"];
  const { code, output } = await run(...onDigits, ...settings, ...asked);
  expect(code).toBe(0);
  const result = pruneCommandResult.parse(JSON.parse(output));
  expect(result).toMatchObject({ kind: "prune", met: true, maxDrop: 0.02, weights: 32360, best: "magnitude" });
  const [own] = result.methods;
  expect(own!.points[own!.chosen!]!.drop).toBeLessThan(0.02 + 1e-9);
  expect(own!.points.slice(own!.chosen! + 1).every(({ drop }) => drop > 0.02 + 1e-9)).toBe(true);
  expect(statSync(out).size).toBeGreaterThan(100_000);
  const page = readFileSync(report, "utf8");
  for (const title of ["Verdict", "Loss", "Accuracy", "Layers", "Costs", "Levels"])
    expect(page).toContain(`<h2>${title}</h2>`);
  expect(createHash("sha256").update(readFileSync(model)).digest("hex")).toBe(before);
});

test("by channels: fewer operations, a smaller file, latency before and after", async () => {
  const out = join(folder, "fewer-channels.onnx");
  const { code, output } = await run(
    ...cnn,
    ...settings,
    "--granularity",
    "channel",
    "--sparsity",
    "50%",
    "-o",
    out,
    "--json",
  );
  expect(code).toBe(0);
  const { channels, out: file } = pruneCommandResult.parse(JSON.parse(output));
  expect(channels!.after.flops).toBeLessThanOrEqual(0.5 * channels!.before.flops);
  expect(channels!.latency.map((one) => one.rows)).toEqual([1, 32]);
  expect(file!.bytes).toBe(statSync(out).size);
  expect(file!.bytes).toBeLessThan(file!.before);
});

test("channels by several costs side by side: the report names them all, and the best is written", async () => {
  const [out, report] = [join(folder, "best.onnx"), join(folder, "channels.html")];
  const before = createHash("sha256").update(readFileSync("testdata/mnist/digits-cnn.onnx")).digest("hex");
  const asked = [
    "--compare",
    "magnitude,obs,kfac,fisher",
    "--sparsity",
    "40%",
    "-o",
    out,
    "--report",
    report,
    "--json",
  ];
  const { code, output } = await run(...byChannels, ...asked);
  expect(code).toBe(0);
  const { methods, best, dense } = pruneCommandResult.parse(JSON.parse(output));
  expect(methods.map(({ method }) => method)).toEqual(["obs", "magnitude", "kfac", "fisher"]);
  const losses = new Map(methods.map(({ method, points }) => [method, points[0]!.loss]));
  expect(new Set(losses.values()).size).toBeGreaterThan(1);
  expect(losses.get(best)).toBe(Math.min(...losses.values()));
  for (const { method, points } of methods) {
    expect(points[0]!.sparsity).toBeGreaterThanOrEqual(0.4);
    if (method === "kfac" || method === "fisher") expect(points[0]!.predicted).toBeGreaterThan(dense.loss);
    else expect(points[0]!.predicted).toBeNull();
  }
  const page = readFileSync(report, "utf8");
  for (const name of ["obs", "magnitude", "kfac", "fisher"]) expect(page).toContain(name);
  expect(createHash("sha256").update(readFileSync("testdata/mnist/digits-cnn.onnx")).digest("hex")).toBe(before);
}, 60_000);

test.each(["parameters", "bytes"])("a budget of %s is what the share is of", async (budget) => {
  const out = join(folder, `${budget}.onnx`);
  const asked = ["--method", "magnitude", "--budget", budget, "--sparsity", "40%", "-o", out, "--json"];
  const { code, output } = await run(...byChannels, ...asked);
  expect(code).toBe(0);
  const { channels, out: file, notes } = pruneCommandResult.parse(JSON.parse(output));
  if (budget === "parameters")
    expect(channels!.after.parameters).toBeLessThanOrEqual(0.6 * channels!.before.parameters);
  else expect(file!.bytes).toBeLessThanOrEqual(0.6 * file!.before + 200);
  expect(notes.join()).toContain(budget === "bytes" ? "file's bytes" : "parameters");
});

test("channels shared out alike, or by dynamic programming", async () => {
  const removed = async (across: string): Promise<(readonly [number, number])[]> => {
    const asked = [
      "--method",
      "magnitude",
      "--compensation",
      "none",
      "--sparsity",
      "40%",
      "--across",
      across,
      "--json",
    ];
    const { code, output } = await run(...byChannels, ...asked);
    expect(code).toBe(0);
    const { methods } = pruneCommandResult.parse(JSON.parse(output));
    expect(methods[0]!.points[0]!.sparsity).toBeGreaterThanOrEqual(0.4);
    return methods[0]!.layers.map(({ zeros, out }) => [zeros, out] as const);
  };
  const uniform = await removed("uniform");
  const shares = uniform.map(([zeros, out]) => zeros / out);
  expect(Math.max(...shares) - Math.min(...shares)).toBeLessThan(0.15);
  expect(await removed("dynamic")).not.toEqual(uniform);
});

test("a share beside a drop is the most that is wanted", async () => {
  const asked = ["--method", "magnitude", "--sparsity", "20%", "--max-drop", "90%", "--json"];
  const { code, output } = await run(...byChannels, ...asked);
  expect(code).toBe(0);
  const { methods, met } = pruneCommandResult.parse(JSON.parse(output));
  expect(met).toBe(true);
  expect(methods[0]!.points.map(({ sparsity }) => sparsity)).toEqual([0.2]);
});

test("neither the report nor the model goes over what is read", async () => {
  const [own, link, held] = ["own.onnx", "link.onnx", "rows.npz"].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  copyFileSync(model, own);
  copyFileSync(rows, held);
  symlinkSync(own, link);
  const digest = (path: string): string => createHash("sha256").update(readFileSync(path)).digest("hex");
  const before = [digest(own), digest(held)];
  const asked = [own, "--data", rows, "--rows", "60", "--held-out", held, ...settings, "--sparsity", "50%"];
  for (const words of [
    ["--report", own],
    ["--report", link],
    ["--report", held],
    ["-o", held],
    ["-o", join(folder, "both"), "--report", join(folder, "both")],
  ]) {
    const { code, errors } = await run(...asked, "--method", "magnitude", ...words);
    expect(code).not.toBe(0);
    expect(errors).toContain("over another file of this run");
  }
  expect([digest(own), digest(held)]).toEqual(before);
}, 60_000);

test("few rows are made up to more, and labels that are needed are missed", async () => {
  const asked = ["--granularity", "channel", "--sparsity", "30%", "--augment", "shift-mix", "--json"];
  const { code, output } = await run(...cnn, ...settings, ...asked);
  expect(code).toBe(0);
  const { notes } = pruneCommandResult.parse(JSON.parse(output));
  expect(notes.join()).toContain("Of each of 100 calibration rows 19 more were made by shift-mix");
  const labels = await run(...onDigits, ...settings, "--sparsity", "50%", "--method", "fisher", "--augment", "mix");
  expect(labels.code).not.toBe(0);
  expect(labels.errors).toContain("no targets of their own");
  const unknown = await run(...onDigits, ...settings, "--sparsity", "50%", "--augment", "noise");
  expect(unknown.errors).toContain("shift-mix");
}, 60_000);

test("whole layers and attention heads", async () => {
  const resnet = ["packages/prune/testdata/resnet/resnet8.onnx", ...cnn.slice(1), ...settings];
  const out = join(folder, "fewer-layers.onnx");
  const asked = ["--granularity", "layer", "--method", "obs", "--compensation", "none", "--sparsity", "10%"];
  const { code, output } = await run(...resnet, ...asked, "-o", out, "--json");
  expect(code).toBe(0);
  const { channels, skipped, methods } = pruneCommandResult.parse(JSON.parse(output));
  expect(channels!.after.flops).toBeLessThanOrEqual(0.9 * channels!.before.flops);
  expect(skipped.map(({ name }) => name)).toEqual(["/stem/Conv", "/fc/Gemm"]);
  expect(methods[0]!.layers.some(({ zeros }) => zeros === 1)).toBe(true);
  const none = await run(...cnn, ...settings, "--granularity", "head", "--sparsity", "30%");
  expect(none.code).not.toBe(0);
  expect(none.errors).toContain("attention heads as the model has none");
  expect(none.errors).not.toMatch(/Conv|Gemm/); // no layer is to blame
});

test("weights as two thin matrices: fewer operations, a smaller file, the loss foretold", async () => {
  const out = join(folder, "thin.onnx");
  const asked = ["--granularity", "rank", "--budget", "parameters", "--sparsity", "30%", "-o", out, "--json"];
  const { code, output } = await run(...cnn, ...settings, ...asked);
  expect(code).toBe(0);
  const { channels, out: file, methods, dense, best } = pruneCommandResult.parse(JSON.parse(output));
  expect(best).toBe("kfac");
  expect(channels!.after.parameters).toBeLessThanOrEqual(0.7 * channels!.before.parameters);
  expect(file!.bytes).toBeLessThan(0.8 * file!.before);
  expect(methods[0]!.points[0]!.predicted).toBeGreaterThan(dense.loss);
  const several = await run(...cnn, ...settings, "--granularity", "rank", "--sparsity", "30%", "--shots", "2");
  expect(several.errors).toContain("ranks in several shots");
});

test("what channels cannot take is refused, and the source is not written over", async () => {
  const refused = async (...words: string[]): Promise<string> => {
    const { code, errors } = await run(...byChannels, ...words);
    expect(code).not.toBe(0);
    return errors;
  };
  expect(await refused("--sparsity", "30%", "--method", "wanda")).toMatch(/choose channels by this method[\s\S]*wanda/);
  expect(await refused("--sparsity", "30%", "--compare", "obc")).toContain("choose channels by this method");
  expect(await refused("--sparsity", "30%", "--compensation", "summed")).toMatch(
    /compensate for channels[\s\S]*summed/,
  );
  expect(await refused("--sparsity", "30%", "--fine-tune", "2")).toContain("train between shots as channels go");
  expect(await refused("--sparsity", "30%", "-o", cnn[0]!)).toContain("over the model it comes from");
  expect(await refused()).toContain("neither a share nor a drop");
  expect(await refused("--sparsity", "30%", "--budget", "watts")).toContain("budget");
  const layers = await run(...cnn, ...settings, "--granularity", "layer", "--sparsity", "20%", "--across", "uniform");
  expect(layers.errors).toContain("share layers out in another way");
  const shared = await run(...onDigits, ...settings, "--sparsity", "50%", "--across", "dynamic");
  expect(shared.errors).toContain("obc shares out");
  const elements = await run(...onDigits, ...settings, "--sparsity", "50%", "--budget", "bytes");
  expect(elements.errors).toContain("as many as other weights");
  expect((await run(...onDigits, ...settings, "--sparsity", "50%", "--method", "obs")).errors).toContain("obc");
  expect((await run(...onDigits, ...settings, "--sparsity", "50%", "--compensation", "bias")).errors).toContain("bias");
});

/** The model on some rows, by the runtime itself. */
async function outputOf(file: string): Promise<number[]> {
  await using session = await openFileSession(file);
  const x = Float32Array.from({ length: 784 }, (_, i) => Math.abs(Math.sin(i)));
  const fed = await session.run({ [session.inputs[0]!]: { dtype: "float32", shape: [1, 1, 28, 28], data: x } });
  return [...fed[session.outputs[0]!]!.data];
}

const byMagnitude = ["--method", "magnitude", "--sparsity", "90%"];

test("packed and sparse files are the same model in fewer bytes", async () => {
  const plain = join(folder, "plain.onnx");
  await run(...onDigits, ...settings, ...byMagnitude, "-o", plain);
  const expected = await outputOf(plain);
  for (const [form, most] of [
    ["packed", 0.25],
    ["sparse", 0.4],
  ] as const) {
    const out = join(folder, `${form}.onnx`);
    const asked = [...onDigits, ...settings, ...byMagnitude, "--compact", form, "-o", out];
    const { code, output } = await run(...asked, "--json");
    expect(code).toBe(0);
    const { out: file, notes, rounded } = pruneCommandResult.parse(JSON.parse(output));
    expect(rounded).toBeNull();
    expect(file!.bytes).toBe(statSync(out).size + (file!.weights ? statSync(file!.weights).size : 0));
    expect(file!.bytes).toBeLessThan(most * file!.before);
    expect(file!.latency!.map(({ rows }) => rows)).toEqual([1, 32]);
    expect(notes.join(" ")).toContain("no faster");
    (await outputOf(out)).forEach((v, i) => void expect(v).toBeCloseTo(expected[i]!, 5));
    if (form === "packed") expect((await run(...asked)).errors).toContain("there is a file of that name");
  }
});

test.each([8, 4])("in %i bits, pruned 2:4 and packed: the loss foretold and measured, zeros kept", async (bits) => {
  const out = join(folder, `bits${bits}.onnx`);
  const asked = ["--method", "sparsegpt", "--granularity", "2:4", "--bits", String(bits), "--compact", "packed"];
  const { code, output } = await run(...onDigits, ...settings, ...asked, "-o", out, "--json");
  expect(code).toBe(0);
  const result = pruneCommandResult.parse(JSON.parse(output));
  const rounded = result.rounded!;
  const [point] = result.methods[0]!.points;
  expect(rounded.layers.map((one) => one.bits)).toEqual([bits, bits, bits]);
  expect(rounded.loss).not.toBe(point!.loss);
  expect(rounded.predicted!).toBeGreaterThan(point!.loss);
  expect(Math.abs(rounded.predicted! - rounded.loss)).toBeLessThan(bits === 8 ? 0.01 : 0.1);
  expect(rounded.drop).toBeCloseTo(result.dense.accuracy! - rounded.accuracy!, 12);
  expect(result.out!.bytes).toBeLessThan((bits === 8 ? 0.26 : 0.2) * result.out!.before);
  expect((await outputOf(out)).every(Number.isFinite)).toBe(true);
});

test("forms that nothing is written in are refused", async () => {
  const asked = [...onDigits, ...settings, ...byMagnitude];
  expect((await run(...asked, "--bits", "8")).errors).toContain("not to be written");
  expect((await run(...asked, "--bits", "5", "-o", join(folder, "x.onnx"))).errors).toContain("8 or 4");
  const channels = ["--granularity", "channel", "--compact", "sparse", "-o", join(folder, "x.onnx")];
  expect((await run(...onDigits, ...settings, "--sparsity", "50%", ...channels)).errors).toContain("shapes change");
});

test("a drop that cannot be kept is said, and the exit code says so", async () => {
  const { code, output } = await run(
    ...onDigits,
    ...settings,
    "--method",
    "magnitude",
    "--sparsity",
    "99%",
    "--max-drop",
    "0.1%",
  );
  expect(code).toBe(1);
  expect(output).toContain("not kept");
});

test("methods that are not known, files that would go over the source, drops that are no shares", async () => {
  expect((await run(...onDigits, ...settings, "--compare", "wandaa")).errors).toContain("wanda?");
  const { code, errors } = await run(...onDigits, ...settings, "-o", model);
  expect(code).not.toBe(0);
  expect(errors).toContain("over the model it comes from");
  expect((await run(...onDigits, ...settings, "--max-drop", "150%")).errors).toContain("a percentage such as 0.5%");
});
