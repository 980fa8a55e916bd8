import { describe, expect, it } from "vitest";
import { type Layer, mlp } from "../testing.ts";
import { permutedParameters } from "./permuted.ts";
import { requireSameArchitecture } from "./sameArchitecture.ts";

const first: Layer = {
  weight: [
    [1, 0, 2],
    [0, 3, -1],
    [2, 2, 0],
    [-1, 1, 1],
  ],
  bias: [1, 2, 3, 4],
};
const last: Layer = {
  weight: [
    [1, 2, 3, 4],
    [0, -1, 1, 0],
  ],
  bias: [0, 0],
};

/** The same function with its hidden units in another order. */
function permuted(order: readonly number[]): Layer[] {
  const rows = <T>(list: readonly T[]): T[] => order.flatMap((k) => list.slice(k, k + 1));
  return [
    { weight: rows(first.weight), bias: rows(first.bias) },
    { ...last, weight: last.weight.map(rows) },
  ];
}

describe("requireSameArchitecture", () => {
  it("names the first node, initializer or weight that does not fit", async () => {
    const a = { name: "a", model: await mlp([first, last]) };
    const deeper = {
      name: "deep",
      model: await mlp([first, { weight: first.weight.map((row) => [...row, 0]), bias: [0, 0, 0, 0] }, last]),
    };
    expect(() => requireSameArchitecture([a, deeper])).toThrowErrorMatchingInlineSnapshot(`
      [MismatchError: Cannot merge models as their graphs differ
        at        node 2 of deep
        expected  Gemm(h1, w1, b1) → f {"transB":1} as in a
        found     Gemm(h1, w1, b1) → z1 {"transB":1}]
    `);
    const wide = {
      name: "wide",
      model: await mlp([first, { weight: [...last.weight, [0, 0, 0, 0]], bias: [0, 0, 0] }]),
    };
    expect(() => requireSameArchitecture([a, wide])).toThrowErrorMatchingInlineSnapshot(`
      [MismatchError: Cannot merge models as their parameters differ
        at        initializer "w1" of wide
        expected  [2, 4] as in a
        found     [3, 4]
        try       if it is the head of another task, keep heads apart]
    `);
    expect(() => requireSameArchitecture([a, wide], { heads: (name) => name.endsWith("1") })).not.toThrow();
    const broken = { name: "broken", model: await mlp([{ ...first, bias: [0, Number.NaN, 0, 0] }, last]) };
    expect(() => requireSameArchitecture([a, broken])).toThrowErrorMatchingInlineSnapshot(`
      [UsageError: Cannot merge models as a weight is not finite
        at        broken, parameter "b0", entry 1
        found     NaN]
    `);
    expect(() => requireSameArchitecture([a, { ...a, name: "b" }])).not.toThrow();
  });
});

describe("permutedParameters", () => {
  it("finds hidden units in another order, and none in models that are merely fine-tuned", async () => {
    const a = { name: "a", model: await mlp([first, last]) };
    const b = { name: "b", model: await mlp(permuted([2, 0, 3, 1])) };
    expect(permutedParameters([a, b])).toEqual([
      { model: "b", parameter: "w0", moved: 1 },
      { model: "b", parameter: "w1", moved: 1 },
    ]);
    const tuned = first.weight.map((row, i) => row.map((x, j) => x + 0.1 * Math.sin(3 * i + j)));
    const c = { name: "c", model: await mlp([{ ...first, weight: tuned }, last]) };
    expect(permutedParameters([a, c])).toEqual([]);
  });
});
