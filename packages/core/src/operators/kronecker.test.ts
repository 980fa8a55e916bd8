import { describe, expect, it } from "vitest";
import { randomMatrix } from "../linalg/knownMatrices.ts";
import { diagonalMatrix, fromRows, gram, type Matrix, matmul, plusDiagonal } from "../linalg/matrix.ts";
import { expectClose } from "../testing/expectClose.ts";
import { toDense } from "./dense.ts";
import { heuristicDampings, kronecker } from "./kronecker.ts";
import type { DampingRule, LinearOperator } from "./linearOperator.ts";

const a = gram(randomMatrix(7, 3, 1), { of: "columns" });
const b = gram(randomMatrix(2, 4, 2), { of: "columns" }); // rank 2 of 4
const delta = 0.3;
const near = { relative: 1e-11, absolute: 1e-11 };

const matrixOf = async (op: LinearOperator): Promise<Matrix> => ({
  rows: op.shape[0],
  columns: op.shape[1],
  data: await toDense(op),
});
const unit = (n: number): Float64Array => plusDiagonal({ rows: n, columns: n, data: new Float64Array(n * n) }, 1).data;

describe("damped inverses of a Kronecker product", () => {
  const product = kronecker(a, b);
  const inverse = async (rule: DampingRule): Promise<Matrix> =>
    matrixOf((await product.exact?.inverse?.(delta, rule)) ?? product);

  it("exact: times the damped product it is the identity", async () => {
    const damped = plusDiagonal(await matrixOf(product), delta);
    expectClose(matmul(await inverse("exact"), damped).data, unit(12), "(A ⊗ B + δ I)⁻¹", near);
  });

  it("factored: the same δ on both factors", async () => {
    const damped = await matrixOf(kronecker(plusDiagonal(a, delta), plusDiagonal(b, delta)));
    expectClose(matmul(await inverse("factored"), damped).data, unit(12), "(A + δ I)⁻¹ ⊗ (B + δ I)⁻¹", near);
  });

  it("heuristic: √δ is shared by π", async () => {
    const mean = ({ rows, data }: Matrix): number =>
      data.reduce((s, x, at) => (at % (rows + 1) === 0 ? s + x / rows : s), 0);
    const pi = Math.sqrt(mean(b) / mean(a));
    const damped = kronecker(plusDiagonal(a, Math.sqrt(delta) / pi), plusDiagonal(b, Math.sqrt(delta) * pi));
    expectClose(matmul(await inverse("heuristic"), await matrixOf(damped)).data, unit(12), "with π", near);
  });

  it("heuristic: shares δ by mean diagonals, and leaves neither factor less than 1e-8", () => {
    expectClose(heuristicDampings(4, 9, 0.01), [0.1 / 1.5, 0.1 * 1.5], "√δ / π and √δ · π", near);
    expectClose(heuristicDampings(1, 1e-20, 1e-4), [1e8, 1e-8], "at least 1e-8", near);
    expectClose(heuristicDampings(1e-20, 1, 1e-4), [1e-8, 1e8], "at least 1e-8", near);
    expectClose(heuristicDampings(0, 3, 0.04), [0.2, 0.2], "π = 1 where one is zero", near);
  });

  it("heuristic: exists for factors that are zero", async () => {
    const nothing = kronecker(diagonalMatrix(new Float64Array(2)), b);
    const { data } = await matrixOf((await nothing.exact?.inverse?.(delta, "heuristic")) ?? nothing);
    expect(data.every(Number.isFinite)).toBe(true);
  });
});

describe("a Kronecker product", () => {
  it("has no inverse without damping where a factor is singular", async () => {
    const singular = kronecker(diagonalMatrix(Float64Array.of(1, 0)), a);
    await expect(Promise.resolve(singular.exact?.inverse?.(0))).rejects.toThrowErrorMatchingInlineSnapshot(`
      [UsageError: Cannot raise A ⊗ B to the power -1 as an eigenvalue has none
        found     0
        try       a positive damping]
    `);
    await expect(Promise.resolve(singular.exact?.inverse?.(0, "factored"))).rejects.toThrow("not positive definite");
  });

  it("says which factor cannot be", async () => {
    const good = fromRows([[1]]);
    expect(() =>
      kronecker(
        good,
        fromRows([
          [1, 2],
          [3, 4],
        ]),
      ),
    ).toThrowErrorMatchingInlineSnapshot(`
      [UsageError: Cannot treat factor B of A ⊗ B as positive semidefinite as it is not symmetric
        found     a difference of 1 across the diagonal
        try       ½ (A + Aᵀ), if only rounding is in the way]
    `);
    expect(() => kronecker(fromRows([[-1]]), good)).toThrowErrorMatchingInlineSnapshot(`
      [UsageError: Cannot treat factor A of A ⊗ B as positive semidefinite as its diagonal has a negative entry
        found     -1]
    `);
    expect(() => kronecker(good, fromRows([[Number.NaN]]))).toThrow("not finite");
    expect(() => kronecker(good, fromRows([[1, 2]]))).toThrow("square");
    const indefinite = kronecker(
      good,
      fromRows([
        [1, 2],
        [2, 1],
      ]),
    ); // seen by its eigenvalues only
    await expect(Promise.resolve(indefinite.exact?.inverse?.(1))).rejects.toThrow("a negative eigenvalue");
  });

  it("takes eigendecompositions that are known", async () => {
    const vectors = fromRows([
      [0, 1],
      [1, 0],
    ]);
    const known = { values: Float64Array.of(1, 2), vectors };
    const op = kronecker(diagonalMatrix(Float64Array.of(2, 1)), diagonalMatrix(Float64Array.of(2, 1)), {
      decompositions: [known, known],
    });
    const inverted = await matrixOf((await op.exact?.inverse?.(0)) ?? op);
    expectClose(inverted.data, diagonalMatrix(Float64Array.of(0.25, 0.5, 0.5, 1)).data, "inverse");
  });
});
