import { referenceEngine } from "@hessonite/core";
import { describe, expect, it } from "vitest";
import { type Curvature, fitCurvature } from "./curvature.ts";
import { resolveDamping } from "./damping.ts";
import type { Strategy } from "./options.ts";
import { tokenProblem, trainRows } from "./testing/tokens.ts";

const engine = referenceEngine();

async function curvature(strategy: Strategy): Promise<Curvature> {
  await using train = await tokenProblem(engine, trainRows, 5);
  return fitCurvature(train, { strategy });
}

const mean = (data: readonly number[]): number => data.reduce((a, b) => a + b, 0) / data.length;

describe("damping", () => {
  it("is by evidence for factored matrices, a tenth of the whole's mean eigenvalue for the exact one", async () => {
    const ekfac = await resolveDamping(await curvature("ekfac"));
    expect(ekfac.blocks.map(({ evidence }) => evidence?.outcome)).toEqual(["converged", "converged"]);
    const exact = await curvature("ggn");
    const all = exact.blocks.flatMap(({ values }) => [...values!.data]);
    for (const asked of [undefined, "auto"] as const) {
      const { blocks, notes } = await resolveDamping(exact, asked);
      for (const { damping } of blocks) expect(damping).toBeCloseTo(0.1 * mean(all), 12);
      expect(notes.join()).toContain("evidence picks values for exact matrices that attribute worse");
    }
  });

  it("is a fraction of each block's mean eigenvalue where blocks are inverted by themselves", async () => {
    const { blocks, ...rest } = await curvature("ekfac");
    const { blocks: found } = await resolveDamping({ ...rest, blocks }, { meanFraction: 0.3 });
    found.forEach(({ damping }, i) => expect(damping).toBeCloseTo(0.3 * mean([...blocks[i]!.values!.data]), 12));
  });

  it("is a fraction of an operator's trace over its length, in the scale of a row's mean", async () => {
    const operator = { name: "mine", shape: [4, 4], exact: { trace: async () => 6 } } as never;
    const given = { ...(await curvature("identity")), strategy: "operator", operator, toOurs: 5 } as const;
    const { blocks } = await resolveDamping(given, { meanFraction: 0.5 });
    for (const { damping } of blocks) expect(damping).toBeCloseTo((0.5 * 6 * 5) / 4, 12);
  });

  it.each([0, -1, Number.NaN, Number.POSITIVE_INFINITY, { meanFraction: 0 }])("is not %j", async (asked) => {
    await expect(resolveDamping(await curvature("kfac"), asked)).rejects.toThrow("not a positive number");
  });

  it("has no evidence where the loss has no likelihood", async () => {
    const none = { ...(await curvature("ekfac")), temperature: null };
    await expect(resolveDamping(none, "auto")).rejects.toThrow("has no likelihood");
    expect((await resolveDamping(none)).choice).toEqual({ meanFraction: 0.1 });
  });
});
