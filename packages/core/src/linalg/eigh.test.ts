import { EigenvalueDecomposition, Matrix as MlMatrix } from "ml-matrix";
import { describe, expect, it } from "vitest";
import { type Eigendecomposition, eigh, eighMany, eighSync } from "./eigh.ts";
import { hilbert, randomSymmetric, secondDifference, wilkinson, withSpectrum } from "./knownMatrices.ts";
import { findLapack } from "./lapack.ts";
import {
  diagonalMatrix,
  frobeniusNorm,
  fromRows,
  identity,
  type Matrix,
  matmul,
  matrix,
  scale,
  scaleColumns,
  subtract,
} from "./matrix.ts";
import { maxAbs } from "./vector.ts";

/** ‖A V − V Λ‖ / ‖A‖ and ‖VᵀV − I‖, both within 1e-12, and λ ascending. */
function expectDecomposes(a: Matrix, { values, vectors }: Eigendecomposition): void {
  const size = frobeniusNorm(a) || 1;
  const residual = frobeniusNorm(
    subtract(
      matmul(scale(1 / size, a), vectors),
      scaleColumns(
        vectors,
        values.map((x) => x / size),
      ),
    ),
  );
  expect(residual, "residual").toBeLessThan(1e-12);
  expect(maxAbs(subtract(matmul(vectors, vectors, { a: true }), identity(a.rows)).data), "orthogonality").toBeLessThan(
    1e-12,
  );
  expect(
    values.every((x, i) => i === 0 || x >= values[i - 1]!),
    "ascending",
  ).toBe(true);
}

function expectValues(found: Float64Array, expected: ArrayLike<number>, tolerance: number): void {
  const sorted = Float64Array.from(expected).sort();
  const size = maxAbs(sorted) || 1;
  expect(maxAbs(found.map((x, i) => x - sorted[i]!)) / size).toBeLessThan(tolerance);
}

const spread = (n: number, f: (i: number) => number): number[] => Array.from({ length: n }, (_, i) => f(i));

const spectra = {
  "one by one": [3],
  "two equal": [2, 2],
  "negative, zero, positive": [-3, -1, 0, 0, 2, 2, 2, 9],
  "geometric over 30 decades": spread(150, (i) => 10 ** (-i / 5)),
  "all equal but one": spread(130, (i) => (i === 0 ? 5 : 1)),
  "clusters within 1e-13": spread(140, (i) => (i % 4) + i * 1e-15),
  "rank five": spread(160, (i) => (i < 5 ? i + 1 : 0)),
  pairs: spread(100, (i) => Math.floor(i / 2)),
  "evenly spaced": spread(257, (i) => i - 100),
};

/** 10^−(i + j) times something of order one. */
function graded(n: number): Matrix {
  const shrinking = Float64Array.from({ length: n }, (_, i) => 10 ** -i);
  return scaleColumns(matmul(diagonalMatrix(shrinking), randomSymmetric(n)), shrinking);
}

describe("eigh", () => {
  it.each(Object.entries(spectra))("finds a spectrum known by construction: %s", (_, values) => {
    const a = withSpectrum(values);
    const found = eighSync(a);
    expectDecomposes(a, found);
    expectValues(found.values, values, 1e-13);
  });

  it.each([1, 2, 3, 31, 32, 33, 64, 65, 97, 128, 200])("decomposes a random matrix of side %i", (n) => {
    const a = randomSymmetric(n, n);
    expectDecomposes(a, eighSync(a));
  });

  it("agrees with ml-matrix", () => {
    const a = randomSymmetric(120, 5);
    const other = new EigenvalueDecomposition(MlMatrix.from1DArray(120, 120, a.data), { assumeSymmetric: true });
    expectValues(eighSync(a).values, other.realEigenvalues, 1e-13);
  });

  it("finds the closed form of the second difference", () => {
    const { matrix: a, values } = secondDifference(230);
    const found = eighSync(a);
    expectDecomposes(a, found);
    expectValues(found.values, values, 1e-14);
  });

  it("keeps Wilkinson's near-equal pairs apart and orthogonal", () => {
    const found = eighSync(wilkinson(21));
    expect(found.values[20]).toBeCloseTo(10.746194182903393, 13); // Wilkinson (1965), The Algebraic Eigenvalue Problem, p. 309
    expect(found.values[19]).toBeCloseTo(10.746194182903322, 13);
    for (const n of [101, 201]) expectDecomposes(wilkinson(n), eighSync(wilkinson(n)));
  });

  it.each([
    ["zero", matrix(70, 70)],
    ["identity", identity(70)],
    ["empty", matrix(0, 0)],
    ["Hilbert", hilbert(60)],
    ["tiny", scale(1e-290, randomSymmetric(70))],
    ["smallest", scale(1e-309, randomSymmetric(70))],
    ["huge", scale(1e290, randomSymmetric(70))],
    ["graded, down to underflow,", graded(200)],
    ["diagonal, descending", diagonalMatrix(Float64Array.from({ length: 70 }, (_, i) => -i))],
  ])("is right on the %s matrix", (_, a) => expectDecomposes(a, eighSync(a)));

  it("says where a NaN is", async () => {
    await expect(
      eigh(
        fromRows([
          [1, 2],
          [Number.NaN, 1],
        ]),
      ),
    ).rejects.toThrowErrorMatchingInlineSnapshot(`
      [UsageError: Cannot diagonalise a matrix as an entry is not finite
        at        row 1, column 0
        found     NaN]
    `);
    await expect(eigh(matrix(2, 3))).rejects.toThrowErrorMatchingInlineSnapshot(`
      [MismatchError: Cannot treat a matrix as square as its sides differ
        found     2 × 3]
    `);
  });

  it("does several on workers, in order, and the main thread goes on", async () => {
    const sides = [200, 40, 300, 210];
    let ticks = 0;
    const timer = setInterval(() => ticks++, 1);
    const all = await eighMany(
      sides.map((n) => randomSymmetric(n, n)),
      { backend: "wasm", workers: 2 },
    );
    clearInterval(timer);
    for (const [i, n] of sides.entries()) expectDecomposes(randomSymmetric(n, n), all[i]!);
    expect(ticks).toBeGreaterThan(0);
  });

  it("stops when told, and works again afterwards", async () => {
    const controller = new AbortController();
    const a = randomSymmetric(700);
    const running = eigh(a, { backend: "wasm", signal: controller.signal });
    setTimeout(() => controller.abort(new Error("enough")), 5);
    await expect(running).rejects.toThrow("enough");
    const b = randomSymmetric(180);
    expectDecomposes(b, await eigh(b, { backend: "wasm" }));
  });

  it("gives the same by LAPACK, where there is one", async ({ skip }) => {
    if ((await findLapack()) === undefined) skip("no LAPACK on this machine");
    const a = randomSymmetric(150, 3);
    const found = await eigh(a, { backend: "lapack" });
    expectDecomposes(a, found);
    expectValues(found.values, eighSync(a).values, 1e-13);
  });
});
