import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { tfjsEngine } from "../engine/tfjs/tfjsEngine.ts";
import { runCase } from "./compare.ts";

const folder = fileURLToPath(new URL("../../testdata/conformance/", import.meta.url));
const cases = readdirSync(folder).filter((name) => !name.includes("."));

describe.each(["cpu", "wasm"] as const)("TensorFlow.js, %s", async (backend) => {
  const engine = await tfjsEngine({ backend });
  it.each(cases)("%s", { timeout: 120_000 }, async (name) => {
    const { keys } = await runCase(`${folder}/${name}`, engine);
    expect(keys.filter((key) => !key.passed)).toEqual([]);
  });
});
