import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, it } from "vitest";
import { ortNodeEngine } from "../engine/ort/ortNode.ts";
import { referenceEngine } from "../engine/reference/engine.ts";
import { runCase } from "./compare.ts";

const folder = fileURLToPath(new URL("../../testdata/conformance/", import.meta.url));
const cases = readdirSync(folder).filter((name) => !name.includes("."));

describe.each([
  ["reference, float64", referenceEngine()],
  ["ort-node, float32", ortNodeEngine({ threads: 1 })],
])("%s", (_, engine) => {
  afterAll(() => engine[Symbol.asyncDispose]());

  it.each(cases)("%s", async (name) => {
    const { keys } = await runCase(`${folder}/${name}`, engine);
    expect(keys.length).toBeGreaterThan(5);
    expect(keys.filter((key) => !key.passed)).toEqual([]);
  });
});
