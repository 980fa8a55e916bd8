import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { runCommandLine } from "../commandLine.ts";
import { inspectResult } from "../inspect/result.ts";
import { captureTerminal } from "../terminal/capture.ts";

const folder = mkdtempSync(join(tmpdir(), "hessonite-inspect-"));
afterAll(() => rmSync(folder, { recursive: true }));

const digits = "testdata/mnist/digits-cnn.onnx";

async function run(...words: string[]): Promise<{ code: number; output: string; errors: string }> {
  const terminal = captureTerminal();
  const code = await runCommandLine(["inspect", ...words], terminal, new AbortController().signal);
  return { code, output: terminal.output, errors: terminal.errors.replaceAll(`${folder}/`, "") };
}

/** The digit model with some bytes changed, as many as before. */
function altered(name: string, from: string, to: string): string {
  const path = join(folder, name);
  writeFileSync(path, Buffer.from(readFileSync(digits, "latin1").replaceAll(from, to), "latin1"));
  return path;
}

test("the digit classifier's parts, as PyTorch exported them", async () => {
  const { code, output } = await run(digits, "--json");
  expect(code).toBe(0);
  const result = inspectResult.parse(JSON.parse(output));
  const { parameters } = JSON.parse(readFileSync("testdata/mnist/oracle.json", "utf8"));
  expect(result.initializers.filter((i) => i.chosen).map(({ name, shape }) => ({ name, shape }))).toEqual(parameters);
  expect(result.parameterCount).toBe(9098);
  expect(result.inputs).toEqual([{ name: "x", dtype: "float32", shape: ["batch", 1, 28, 28] }]);
  expect(result.opsets).toEqual({ "ai.onnx": 17 });
  expect(result.operators.find((o) => o.operator === "Conv")).toMatchObject({ nodes: 2, differentiated: 2 });
  expect(result).toMatchObject({ differentiable: true, problem: null, unsupported: [], prediction: "logits" });
});

test("a person sees the same", async () => {
  const { output } = await run(digits);
  expect(output).toContain("parameters   9,098 in 6 tensors");
  expect(output).toContain('yes     head.weight   [10, 784]        7,840  weight: input 1 of Gemm "/head/Gemm"');
});

test("what no parameter reaches is not differentiated", async () => {
  const result = JSON.parse((await run(digits, "--parameters", "head.*", "--json")).output);
  expect(result.parameterCount).toBe(7850);
  expect(result.operators.find((o: { operator: string }) => o.operator === "Conv")).toMatchObject({
    constant: 2,
    differentiated: 0,
  });
});

test("--graph prints core operators at the batch asked for", async () => {
  const { output } = await run(digits, "--graph", "--batch", "3");
  expect(output).toMatch(/\(float32\[3, 1, 28, 28\] x, .*\) => \(float32\[3, 10\] \w+\) \{/);
  expect(output).toMatch(/= MatMul\(/);
});

test("an operator that is not supported is named with its nodes, and the rest is told all the same", async () => {
  const { code, output } = await run(altered("unknown.onnx", "\x04Relu", "\x04Rely"), "--json");
  expect(code).toBe(0);
  const result = inspectResult.parse(JSON.parse(output));
  expect(result.unsupported.map(({ operator }) => operator)).toEqual(["Rely", "Rely"]);
  expect(result.differentiable).toBe(false);
  expect(result.parameterCount).toBe(9098);
  expect(result.problem).toMatchInlineSnapshot(`
    "Cannot use Rely as it is not supported
      at        unknown.onnx, node "/relu1/Relu" and 1 more
      try       export with other operators, or choose an output that does not need them"
  `);
});

test("a file that is no model, or not a whole one, is an error with exit code 1", async () => {
  writeFileSync(join(folder, "text.onnx"), "This is no model. ".repeat(20));
  writeFileSync(join(folder, "empty.onnx"), "");
  const whole = readFileSync(digits);
  writeFileSync(join(folder, "half.onnx"), whole.subarray(0, whole.length / 2));
  const errors = async (name: string): Promise<string> => {
    const result = await run(join(folder, name));
    expect(result.code).toBe(1);
    return result.errors;
  };
  expect(await errors("text.onnx")).toMatchInlineSnapshot(`
    "Cannot read the model as its bytes are not a whole ONNX file
      at        text.onnx
      found     360 bytes that stop making sense
      try       check that the file is an .onnx file and was copied whole
    "
  `);
  expect(await errors("empty.onnx")).toMatchInlineSnapshot(`
    "Cannot read the model as the file is not an ONNX model
      at        empty.onnx
      expected  an ONNX ModelProto with a graph, its outputs and an opset
      found     0 bytes without them
      try       check that the file is an .onnx file and was copied whole
    "
  `);
  expect(await errors("half.onnx")).toMatchInlineSnapshot(`
    "Cannot read the model as its bytes are not a whole ONNX file
      at        half.onnx
      found     18848 bytes that stop making sense
      try       check that the file is an .onnx file and was copied whole
    "
  `);
  expect(await errors("absent.onnx")).toMatchInlineSnapshot(`
    "Cannot read the model as its file cannot be opened
      at        absent.onnx
      found     no such file
    "
  `);
});

test("a glob that matches nothing, and a dimension that is not there, are errors", async () => {
  expect((await run(digits, "--parameters", "layer*.weight")).errors).toMatchInlineSnapshot(`
    "Cannot choose parameters as a name or glob matches none
      at        digits-cnn.onnx
      found     layer*.weight
      try       one of conv1.weight, conv1.bias, conv2.weight, conv2.bias, head.weight, head.bias
    "
  `);
  expect((await run(digits, "--dims", "bacth=3")).errors).toMatchInlineSnapshot(`
    "Cannot set the length of a dimension as the model's inputs have none of that name
      expected  batch=<length>
      found     bacth=3
      try       batch=<length>
    "
  `);
});
