import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, it } from "vitest";
import { ortNodeEngine } from "../engine/ort/ortNode.ts";
import { referenceEngine } from "../engine/reference/engine.ts";
import { runOnnxNodeCases } from "./onnxNode.ts";

const cases = fileURLToPath(new URL("../../testdata/onnx-node/cases.npz", import.meta.url));

describe.each([referenceEngine(), ortNodeEngine({ threads: 1 })])("ONNX's operator tests on $name", (engine) => {
  afterAll(() => engine[Symbol.asyncDispose]());

  it("all pass", async () => {
    const results = await runOnnxNodeCases(cases, { engine });
    expect(results.length).toBe(631);
    expect(results.filter(({ outcome }) => outcome !== "passed")).toEqual([]);
  });
});
