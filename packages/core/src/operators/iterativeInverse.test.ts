import { describe, expect, it } from "vitest";
import { fromRows } from "../linalg/matrix.ts";
import { expectClose } from "../testing/expectClose.ts";
import { denseOperator } from "./denseOperator.ts";
import { iterativeInverse } from "./iterativeInverse.ts";

const spd = fromRows([
  [4, 1, 0],
  [1, 3, 1],
  [0, 1, 2],
]);
/** By Cramer's rule: det = 4(6−1) − 1(2−0) = 18. */
const inverse = [
  [5, -2, 1],
  [-2, 8, -4],
  [1, -4, 11],
].map((row) => row.map((x) => x / 18));

describe("an inverse by solving", () => {
  it.each(["cg", "minres", "lsmr", "neumann"] as const)(
    "is the matrix's inverse, row by row of K: %s",
    async (method) => {
      const op = iterativeInverse(denseOperator(spd), { method, relativeTolerance: 1e-12, maxIterations: 2000 });
      const units = Float64Array.from({ length: 9 }, (_, i) => Number(i % 4 === 0));
      expectClose(await op.apply(units, { k: 3 }), Float64Array.from(inverse.flat()), method, {
        relative: 1e-8,
        absolute: 1e-9,
      });
      expect(op.lastReports().map((row) => row.outcome)).toEqual(["converged", "converged", "converged"]);
    },
  );

  it("says when it did not get there, and does not throw", async () => {
    const op = iterativeInverse(denseOperator(spd), { maxIterations: 1, relativeTolerance: 1e-12 });
    await op.apply(Float64Array.of(1, 2, 3));
    expect(op.lastReports()[0]!.outcome).toBe("iteration limit");
  });

  it("wants symmetry where its method does", () => {
    const lopsided = denseOperator(
      fromRows([
        [1, 2],
        [0, 1],
      ]),
    );
    expect(() => iterativeInverse(lopsided, { method: "cg" })).toThrowErrorMatchingInlineSnapshot(`
      [UsageError: Cannot invert dense matrix by cg as it is not known to be self-adjoint
        try       method "lsmr"]
    `);
    expect(iterativeInverse(lopsided).method).toBe("lsmr");
  });
});
