import { matrix } from "@hessonite/core";
import { describe, expect, it } from "vitest";
import type { BlockCurvature } from "./curvature.ts";
import { inverseFilter } from "./inverseFilter.ts";

const kronecker = { g: Float64Array.of(0.5, 4), a: Float64Array.of(1, 2, 9) };
const values = matrix(2, 3, Float64Array.of(0, 1e-3, 0.5, -1e-9, 2, 8));
const block = { shape: { name: "0.weight" }, values, kronecker } as unknown as BlockCurvature;
const damping = 0.01;

function expectClose(found: ArrayLike<number>, expected: readonly number[]): void {
  expect(found.length).toBe(expected.length);
  expected.forEach((x, i) => expect(found[i]! / (x || 1)).toBeCloseTo(x === 0 ? 0 : 1, 12));
}

describe("an inverse filter", () => {
  it("is 1/(λ + δ), what is negative by rounding being none", () => {
    const { weights } = inverseFilter(block, damping, "tikhonov");
    expectClose(weights!.data, [100, 1 / 0.011, 1 / 0.51, 100, 1 / 2.01, 1 / 8.01]);
  });

  it("is 1/λ above δ and 0 below", () => {
    const { weights } = inverseFilter(block, damping, "pseudo-inverse");
    expectClose(weights!.data, [0, 0, 2, 0, 0.5, 0.125]);
  });

  it("is the inverse of both factors, √δ shared out by their mean eigenvalues", () => {
    const pi = Math.sqrt(4 / 2.25); // tr A / 3 and tr G / 2
    const [forG, forA] = [0.1 / pi, 0.1 * pi];
    const { weights } = inverseFilter(block, damping, "factored");
    expectClose(
      weights!.data,
      [0.5, 4].flatMap((g) => [1, 2, 9].map((a) => 1 / ((g + forG) * (a + forA)))),
    );
    const bare = { shape: block.shape, values } as unknown as BlockCurvature;
    expect(() => inverseFilter(bare, damping, "factored")).toThrow("the strategy has no Kronecker factors");
  });

  it("is nothing without curvature", () => {
    expect(inverseFilter({ shape: block.shape } as unknown as BlockCurvature, damping, "tikhonov")).toEqual({});
  });
});
