import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { runCommandLine } from "./commandLine.ts";
import { captureTerminal } from "./terminal/capture.ts";

const folder = mkdtempSync(join(tmpdir(), "hessonite-cli-"));
afterAll(() => rmSync(folder, { recursive: true }));

const digits = "testdata/mnist/digits-cnn.onnx";

async function run(...words: string[]): Promise<{ code: number; output: string; errors: string }> {
  const terminal = captureTerminal();
  const code = await runCommandLine(words, terminal, new AbortController().signal);
  return { code, output: terminal.output, errors: terminal.errors };
}

test("the help lists every command", async () => {
  const { code, output } = await run("--help");
  expect(code).toBe(0);
  for (const name of ["inspect", "spectrum", "conformance"]) expect(output).toContain(`  ${name} `);
});

test("a command's help has every option with its default", async () => {
  const { output } = await run("spectrum", "--help");
  expect(output).toMatch(/--batch-size <number>\s+rows at once \(default: 64\)/);
  expect(output).toMatch(/--loss <name>[\s\S]*\(required\)/);
  expect(output).toContain("--no-checks");
});

test("words that make no sense have exit code 2 and go to the error stream", async () => {
  expect(await run("inspekt")).toEqual({
    code: 2,
    output: "",
    errors: "error: unknown command 'inspekt'\n(Did you mean inspect?)\n",
  });
  expect(await run("inspect", digits, "--bach", "2")).toEqual({
    code: 2,
    output: "",
    errors: "error: unknown option '--bach'\n(Did you mean --batch?)\n",
  });
  expect((await run("inspect")).errors).toMatchInlineSnapshot(`
    "Cannot run inspect as <model> is missing
      expected  the model, an .onnx file
      try       hessonite inspect --help
    "
  `);
  expect((await run("spectrum", digits, "--data", "d.npz", "--loss", "l1")).errors).toMatchInlineSnapshot(`
    "error: option '--loss <name>' argument 'l1' is invalid. Allowed choices are cross-entropy, mse, bce-with-logits.
    "
  `);
  expect(
    (await run("spectrum", digits, "--data", "d.npz", "--loss", "mse", "--rows", "9:3")).errors,
  ).toMatchInlineSnapshot(`
    "Cannot run spectrum as --rows has a value that it cannot have
      expected  a number of rows, or start:end with start before end
      found     "9:3"
      try       hessonite spectrum --help
    "
  `);
});

test("a configuration file gives options by the names of the flags, and flags go before it", async () => {
  const config = join(folder, "run.yaml");
  writeFileSync(config, `model: ${digits}\nbatch: 3\n`);
  expect((await run("inspect", "--config", config)).output).toContain("bound at x [3, 1, 28, 28]");
  expect((await run("inspect", "--config", config, "--batch", "4")).output).toContain("bound at x [4, 1, 28, 28]");
});

test("a configuration with an unknown key names the nearest one", async () => {
  const config = join(folder, "typo.yaml");
  writeFileSync(config, "batch-sise: 3\n");
  const { code, errors } = await run("spectrum", "--config", config);
  expect(code).toBe(2);
  expect(errors.replace(config, "typo.yaml")).toMatchInlineSnapshot(`
    "Cannot use the configuration as it has an option that the command does not know
      at        typo.yaml
      found     batch-sise
      try       batch-size?
    "
  `);
});

test("a configuration that is missing, or no mapping, is an error", async () => {
  const list = join(folder, "list.yaml");
  writeFileSync(list, "- 1\n- 2\n");
  expect((await run("inspect", "--config", list)).errors.replace(list, "list.yaml")).toMatchInlineSnapshot(`
    "Cannot read the configuration as it is no list of options
      at        list.yaml
      expected  a line \`name: value\` for each option
    "
  `);
  expect((await run("inspect", "--config", "no.yaml")).errors).toMatchInlineSnapshot(`
    "Cannot read the configuration as its file cannot be opened
      at        no.yaml
      found     no such file
    "
  `);
});

test("--json-schema describes configuration and result, and runs nothing", async () => {
  const { code, output } = await run("spectrum", "--json-schema");
  expect(code).toBe(0);
  const { options, result } = JSON.parse(output);
  expect(options.properties["batch-size"]).toMatchObject({ default: 64, type: "integer" });
  expect(options.additionalProperties).toBe(false);
  expect(result.oneOf.map((one: { properties: { kind: { const: string } } }) => one.properties.kind.const)).toEqual([
    "spectrum",
    "plan",
  ]);
});

test("a stack is shown only with --debug", async () => {
  expect((await run("inspect", "README.md")).errors).not.toContain("    at ");
  expect((await run("inspect", "README.md", "--debug")).errors).toContain("    at ");
});

test("work that was cancelled has exit code 130", async () => {
  const terminal = captureTerminal();
  const words = ["spectrum", digits, "--data", "testdata/mnist/digits.npz", "--loss", "cross-entropy"];
  expect(await runCommandLine(words, terminal, AbortSignal.abort())).toBe(130);
  expect(terminal.errors).toBe("Cancelled\n");
});

test("a file that cannot be written is told of before the work, whatever the option", async () => {
  const file = join(folder, "plain.txt");
  writeFileSync(file, "");
  const data = ["--data", "nothing.npz", "--loss", "mse"]; // read only after that
  const below = await run("curvature", digits, ...data, "--out", join(file, "c.safetensors"));
  expect(below.code).toBe(1);
  expect(below.errors).toContain("Cannot write --out as its folder cannot be written to\n  at        ");
  const over = await run("spectrum", digits, ...data, "--report", folder);
  expect(over.errors).toContain("Cannot write --report as a folder stands there");
  const fresh = await run("spectrum", digits, ...data, "--report", join(folder, "a/b/report.html"));
  expect(fresh.errors).toContain("nothing.npz"); // the folders were made, and it went on
});
