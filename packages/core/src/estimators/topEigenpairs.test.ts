import { describe, expect, it } from "vitest";
import { operatorOf, secondDifference, withSpectrum } from "../linalg/knownMatrices.ts";
import { selfAdjoint } from "../operators/linearOperator.ts";
import { expectClose } from "../testing/expectClose.ts";
import { topEigenpairs } from "./topEigenpairs.ts";

const loose = { relative: 1e-8, absolute: 1e-10 };

describe("top eigenpairs", () => {
  it("are the largest, with vectors that A scales", async () => {
    const { matrix, values } = secondDifference(100);
    const a = operatorOf(matrix, selfAdjoint);
    const found = await topEigenpairs(a, { k: 4, seed: 2 });
    expectClose(found.values, values.slice(-4).reverse(), "the four largest", loose);
    const av = await a.apply(found.vectors, { k: 4 });
    expectClose(
      av,
      found.vectors.map((x, i) => found.values[Math.floor(i / 100)]! * x),
      "A v = λ v",
      { relative: 1e-4, absolute: 0 },
    );
    expect(found).toMatchObject({ outcome: "converged", seed: 2 });
  });

  it("may be the smallest, or the largest in absolute value", async () => {
    const a = operatorOf(withSpectrum([-9, -1, 0, 0, 2, 3, 4, 8]), selfAdjoint);
    expectClose((await topEigenpairs(a, { k: 2, which: "bottom" })).values, [-9, -1], "smallest", loose);
    expectClose((await topEigenpairs(a, { k: 3, which: "magnitude" })).values, [-9, 8, 4], "largest", loose);
  });

  it("of zero are zero; of a low-rank matrix, its eigenvalues and zeros", async () => {
    const zero = await topEigenpairs(operatorOf(withSpectrum(new Float64Array(12)), selfAdjoint), { k: 3 });
    expectClose(zero.values, [0, 0, 0], "zero");
    const low = operatorOf(withSpectrum(Float64Array.from({ length: 60 }, (_, i) => (i < 2 ? 5 : 0))), selfAdjoint);
    expectClose((await topEigenpairs(low, { k: 4 })).values, [5, 5, 0, 0], "rank two", {
      relative: 1e-7,
      absolute: 1e-7,
    });
  });

  it("are found one after the other, as progress says", async () => {
    const seen: number[] = [];
    await topEigenpairs(operatorOf(secondDifference(80).matrix, selfAdjoint), {
      k: 3,
      onProgress: (p) => void seen.push(p.done, p.total),
    });
    expect(seen.slice(-2)).toEqual([3, 3]);
  });
});
