import { describe, expect, it } from "vitest";
import { randomStream } from "../random/random.ts";
import { checkDerivatives } from "./checkDerivatives.ts";
import { drawInputs, type Sample } from "./sample.ts";

const real = { kind: "real", shape: [3], domain: [0.5, 2] } as const;

describe("checkDerivatives", () => {
  it("passes what is differentiated rightly", () => {
    checkDerivatives({ emit: (g, a, b) => g.div(g.unary("Sin", a), b), inputs: [real, real] }, randomStream(1));
  });

  it("fails where rule and function part, and says in which mode", () => {
    const steep: Sample = { emit: (g, x) => g.unary("Round", g.mul(x, 1e4)), inputs: [real] }; // its rule says: flat
    expect(() => checkDerivatives(steep, randomStream(1))).toThrow("the derivative by forward mode: entry 0 of 1");
  });
});

describe("drawInputs", () => {
  it("keeps reals apart and in their domain, runs through indices, and depends on the seed alone", () => {
    const sample: Sample = {
      emit: (_, x) => x as never,
      inputs: [real, real, { kind: "index", shape: [2, 3], range: [-2, 2] }, { kind: "truth", shape: [4] }],
    };
    const [a, b, index, truth] = drawInputs(sample, randomStream(3)).map(({ data }) => Array.from(data));
    const sorted = [...(a ?? []), ...(b ?? [])].sort((x, y) => x - y);
    expect(sorted.every((x) => x > 0.5 && x < 2)).toBe(true);
    expect(sorted.slice(1).every((x, i) => x - (sorted[i] as number) >= (0.5 * 1.5) / 6)).toBe(true);
    expect(index?.slice(1).every((n, i) => (n - (index[i] as number) + 4) % 4 === 1)).toBe(true);
    expect(truth?.every((t) => t === 0 || t === 1)).toBe(true);
    expect(drawInputs(sample, randomStream(3))).toEqual(drawInputs(sample, randomStream(3)));
  });
});
