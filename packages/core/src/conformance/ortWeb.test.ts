import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, it } from "vitest";
import { automaticEngine } from "../engine/ort/automatic.ts";
import { ortWebEngine } from "../engine/ort/ortWeb.ts";
import { runCase } from "./compare.ts";

const folder = fileURLToPath(new URL("../../testdata/conformance/", import.meta.url));

describe("ort-web, float32", () => {
  const engine = ortWebEngine({ threads: 1 });
  afterAll(() => engine[Symbol.asyncDispose]());

  it.each(["attn_ce_mean", "conv_grouped_strided_dilated_mse_mean", "mlp_mse_sum"])("%s", async (name) => {
    const { keys } = await runCase(`${folder}/${name}`, engine);
    expect(keys.length).toBeGreaterThan(5);
    expect(keys.filter((key) => !key.passed)).toEqual([]);
  });
});

it("the native build is chosen where it works", async () => {
  await using engine = await automaticEngine({ threads: 1 });
  expect(engine.name).toBe("ort-node");
});
