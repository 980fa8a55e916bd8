import { spawn } from "node:child_process";
import { expect, test } from "vitest";

interface Ended {
  readonly code: number | null;
  readonly output: string;
}

/** Runs the program itself; `interrupt` sends Ctrl-C after so many milliseconds. */
function program(words: readonly string[], interrupt?: number): Promise<Ended> {
  const args = ["--conditions=source", "--import", "tsx", "packages/cli/src/main.ts", ...words];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  child.stdout.on("data", (text: Buffer) => {
    output += text.toString();
  });
  if (interrupt !== undefined) setTimeout(() => child.kill("SIGINT"), interrupt);
  return new Promise((resolve) => child.on("close", (code) => resolve({ code, output })));
}

test("the program inspects a model", async () => {
  const { code, output } = await program(["inspect", "testdata/mnist/digits-cnn.onnx", "--json"]);
  expect(code).toBe(0);
  expect(JSON.parse(output)).toMatchObject({ parameterCount: 9098, differentiable: true });
});

test("Ctrl-C ends long work with exit code 130", async () => {
  const data = ["--data", "testdata/mnist/digits.npz", "--scale", "1/255", "--loss", "cross-entropy"];
  const words = ["spectrum", "testdata/mnist/digits-cnn.onnx", ...data, "--samples", "100000"];
  let ended: Ended = { code: null, output: "" };
  for (const delay of [5000, 15_000, 30_000]) {
    if (ended.code === null) ended = await program(words, delay); // null: the signal came before the program had started
  }
  expect(ended).toEqual({ code: 130, output: "" });
});
