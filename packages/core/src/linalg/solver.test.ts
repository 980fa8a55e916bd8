import { describe, expect, it } from "vitest";
import { type LinearOperator, positiveSemidefinite, selfAdjoint } from "../operators/linearOperator.ts";
import { conjugateGradient } from "./conjugateGradient.ts";
import { operatorOf, randomMatrix, withSpectrum } from "./knownMatrices.ts";
import { lsmr } from "./lsmr.ts";
import { diagonalMatrix, type Matrix, matmul, matvec, plusDiagonal, scale } from "./matrix.ts";
import { minres } from "./minres.ts";
import { qrSync } from "./qr.ts";
import { largestEigenvalueBound, richardson } from "./richardson.ts";
import type { Solution, SolverOptions } from "./solver.ts";
import { maxAbs, minus, norm, normals, row } from "./vector.ts";

const n = 40;
const positive = withSpectrum(Array.from({ length: n }, (_, i) => 0.5 + i / 8));
const indefinite = withSpectrum(Array.from({ length: n }, (_, i) => (i % 2 ? 1 : -1) * (0.5 + i / 8)));

type Solver = (a: LinearOperator, b: Float64Array, options?: SolverOptions) => Promise<Solution>;

/** Every solver on the matrices it promises to solve. */
const cases: readonly (readonly [string, Solver, Matrix])[] = [
  ["conjugateGradient", conjugateGradient, positive],
  ["minres, definite", minres, positive],
  ["minres, indefinite", minres, indefinite],
  ["lsmr", lsmr, positive],
  ["lsmr, unsymmetric", lsmr, matmul(positive, qrSync(randomMatrix(n, n)).q)],
  ["richardson", (a, b, options) => richardson(a, b, { maxIterations: 2000, ...options }), positive],
];

const structureOf = (name: string) => (name.includes("unsymmetric") ? undefined : selfAdjoint);
const residual = (m: Matrix, x: Float64Array, b: Float64Array): number => norm(minus(matvec(m, x), b)) / norm(b);

describe.each(cases)("%s", (name, solve, matrix) => {
  const a = operatorOf(matrix, structureOf(name));

  it("solves K right-hand sides, each as if alone", async () => {
    const b = normals(3 * n, 1, "b");
    const all = await solve(a, b, { k: 3, relativeTolerance: 1e-9 });
    expect(all.outcome).toBe(name.startsWith("lsmr") ? all.outcome : "converged");
    for (let i = 0; i < 3; i++) {
      expect(residual(matrix, row(all.solution, i, n), row(b, i, n))).toBeLessThan(2e-9);
      const alone = await solve(a, row(b, i, n), { relativeTolerance: 1e-9 });
      expect(maxAbs(minus(alone.solution, row(all.solution, i, n)))).toBeLessThan(1e-7);
    }
  });

  it("reports the residual that the solution has", async () => {
    const b = normals(n, 2, "b");
    const { solution, rows } = await solve(a, b, { maxIterations: 7, relativeTolerance: 1e-12 });
    expect(rows[0]!.outcome).toBe("iteration limit");
    expect(rows[0]!.iterations).toBe(7);
    expect(rows[0]!.residualHistory.length).toBe(8);
    expect(rows[0]!.residualHistory[0]).toBeCloseTo(1, 12);
    expect(rows[0]!.residualHistory[7]).toBeCloseTo(residual(matrix, solution, b), 8);
  });

  it("spends nothing on a row that is zero, and starts where it is told", async () => {
    const b = normals(2 * n, 3, "b").fill(0, 0, n);
    const first = await solve(a, b, { k: 2, relativeTolerance: 1e-9 });
    expect(maxAbs(row(first.solution, 0, n))).toBe(0);
    expect(first.rows[0]!.iterations).toBe(0);
    const again = await solve(a, b, { k: 2, start: first.solution, relativeTolerance: 1e-8 });
    expect(again.iterations).toBe(0);
    expect(again.outcome).toBe("converged");
  });

  it("stops when told", async () => {
    const signal = AbortSignal.abort(new Error("enough"));
    await expect(solve(a, normals(n, 1, "b"), { signal })).rejects.toThrow("enough");
  });
});

describe("damping", () => {
  it.each([
    ["conjugateGradient", conjugateGradient],
    ["minres", minres],
    ["richardson", richardson],
  ] as const)("%s adds it to the diagonal", async (_, solve) => {
    const b = normals(n, 4, "b");
    const { solution } = await solve(operatorOf(positive, selfAdjoint), b, {
      damping: 3,
      relativeTolerance: 1e-10,
      maxIterations: 1000,
    });
    expect(residual(plusDiagonal(positive, 3), solution, b)).toBeLessThan(1e-9);
  });

  it.each([
    ["conjugateGradient", conjugateGradient],
    ["minres", minres],
    ["richardson", richardson],
  ] as const)("%s counts it in the residual of where it starts", async (_, solve) => {
    const [b, start] = [normals(n, 4, "b"), normals(n, 5, "start")];
    const { solution, rows } = await solve(operatorOf(positive, selfAdjoint), b, {
      damping: 3,
      start: start.slice(),
      relativeTolerance: 1e-10,
      maxIterations: 1000,
    });
    expect(rows[0]!.residualHistory[0]).toBeCloseTo(residual(plusDiagonal(positive, 3), start, b), 12);
    expect(residual(plusDiagonal(positive, 3), solution, b)).toBeLessThan(1e-9);
  });

  it("lsmr damps the distance from where it starts", async () => {
    const a = randomMatrix(60, n);
    const [b, start] = [normals(60, 4, "b"), normals(n, 5, "start")];
    const { solution } = await lsmr(operatorOf(a), b, { damping: 3, start: start.slice(), relativeTolerance: 1e-12 });
    const normal = plusDiagonal(matmul(a, a, { a: true }), 3);
    const right = matmul(a, { rows: 60, columns: 1, data: b }, { a: true }).data.map((x, i) => x + 3 * start[i]!);
    expect(residual(normal, solution, right)).toBeLessThan(1e-9);
  });

  it("lsmr reports the residual of the damped problem", async () => {
    const [a, b] = [randomMatrix(60, n), normals(60, 4, "b")];
    const { solution, rows } = await lsmr(operatorOf(a), b, {
      damping: 30,
      maxIterations: 5,
      relativeTolerance: 1e-12,
    });
    expect(rows[0]!.iterations).toBe(5);
    const whole = Math.hypot(norm(minus(matvec(a, solution), b)), Math.sqrt(30) * norm(solution));
    expect(rows[0]!.residualHistory[5]).toBeCloseTo(whole / norm(b), 10);
  });

  it("lsmr adds it to AᵀA", async () => {
    const a = randomMatrix(60, n);
    const b = normals(60, 4, "b");
    const { solution } = await lsmr(operatorOf(a), b, { damping: 3, relativeTolerance: 1e-12 });
    const normal = plusDiagonal(matmul(a, a, { a: true }), 3);
    const right = matmul(a, { rows: 60, columns: 1, data: b }, { a: true }).data;
    expect(residual(normal, solution, right)).toBeLessThan(1e-9);
  });
});

describe("what a solver says of a matrix it cannot solve", () => {
  const b = normals(n, 5, "b");

  it("conjugate gradients break down on an indefinite matrix", async () => {
    const { outcome, solution } = await conjugateGradient(operatorOf(indefinite, selfAdjoint), b, {
      relativeTolerance: 1e-12,
    });
    expect(outcome).toBe("breakdown");
    expect(solution.every(Number.isFinite)).toBe(true);
  });

  it("Richardson breaks down where the scale is too large", async () => {
    const { outcome } = await richardson(operatorOf(positive, selfAdjoint), b, { scale: 1 });
    expect(outcome).toBe("breakdown");
  });

  it("NaN is a breakdown", async () => {
    const broken = operatorOf(diagonalMatrix(new Float64Array(n).fill(Number.NaN)), selfAdjoint);
    for (const solve of [conjugateGradient, minres, richardson]) {
      expect((await solve(broken, b, { maxIterations: 5 })).outcome).toBe("breakdown");
    }
    expect((await lsmr(broken, b)).outcome).toBe("breakdown");
  });

  it("MINRES and LSMR say least squares where b is out of reach, and find the least-squares solution", async () => {
    const singular = diagonalMatrix(Float64Array.from({ length: n }, (_, i) => (i < 10 ? 0 : i - 25.5)));
    for (const solve of [minres, lsmr]) {
      const { outcome, solution } = await solve(operatorOf(singular, selfAdjoint), b, { relativeTolerance: 1e-9 });
      expect(outcome).toBe("least squares");
      const rest = minus(matvec(singular, solution), b);
      expect(maxAbs(rest.subarray(10))).toBeLessThan(1e-6);
    }
  });

  it.each([
    ["conjugateGradient", conjugateGradient],
    ["minres", minres],
    ["lsmr", lsmr],
    ["richardson", (a, right) => richardson(a, right, { maxIterations: 1000 })],
  ] as (readonly [string, Solver])[])("%s solves whatever the units of A and b", async (_, solve) => {
    for (const [units, size] of [
      [1e-150, 1],
      [1e-12, 1e6],
      [1e100, 1e-50],
    ] as const) {
      const right = b.map((x) => size * x);
      const { outcome, solution } = await solve(operatorOf(scale(units, positive), selfAdjoint), right);
      expect(outcome).toBe("converged");
      const inUnits = solution.map((x) => x * (units / size));
      expect(residual(positive, inUnits, b)).toBeLessThan(2e-6);
    }
  });

  it("conjugate gradients solve a singular system whose right-hand side is in reach", async () => {
    const singular = diagonalMatrix(Float64Array.from({ length: n }, (_, i) => (i < 10 ? 0 : i)));
    const reachable = b.slice().fill(0, 0, 10);
    const { outcome, solution } = await conjugateGradient(operatorOf(singular, positiveSemidefinite), reachable);
    expect(outcome).toBe("converged");
    expect(residual(singular, solution, reachable)).toBeLessThan(2e-6);
  });

  it("refuses operators that are not self-adjoint, and lengths that do not fit", async () => {
    await expect(conjugateGradient(operatorOf(positive), b)).rejects.toThrowErrorMatchingInlineSnapshot(`
      [UsageError: Cannot run conjugate gradients on a known matrix as it is not known to be self-adjoint
        try       LSMR for a general operator, or an operator whose structure says selfAdjoint]
    `);
    await expect(lsmr(operatorOf(positive), b, { k: 2 })).rejects.toThrowErrorMatchingInlineSnapshot(`
      [MismatchError: Cannot iterate on a known matrix as the vectors do not have its length
        expected  2 × 40 entries
        found     40]
    `);
    await expect(conjugateGradient(operatorOf(positive, selfAdjoint), b, { damping: -1 })).rejects.toThrow(
      "damping is negative",
    );
  });
});

describe("preconditioner", () => {
  const hard = diagonalMatrix(Float64Array.from({ length: n }, (_, i) => 10 ** (i / 5)));
  const inverse = diagonalMatrix(Float64Array.from({ length: n }, (_, i) => 10 ** (-i / 5) * (1 + (i % 3) / 10)));
  const b = normals(2 * n, 6, "b");

  it.each([
    ["conjugateGradient", conjugateGradient],
    ["minres", minres],
  ] as const)("%s needs few iterations with a good one, for all rows", async (_, solve) => {
    const a = operatorOf(hard, positiveSemidefinite);
    const plain = await solve(a, b, { k: 2, relativeTolerance: 1e-10, maxIterations: 400 });
    const helped = await solve(a, b, {
      k: 2,
      relativeTolerance: 1e-10,
      preconditioner: operatorOf(inverse, selfAdjoint),
    });
    expect(helped.outcome).toBe("converged");
    expect(helped.iterations).toBeLessThan(8);
    expect(plain.iterations).toBeGreaterThan(30);
    for (let i = 0; i < 2; i++) expect(residual(hard, row(helped.solution, i, n), row(b, i, n))).toBeLessThan(1e-6);
  });
});

describe("per-row freezing", () => {
  it("spends products only on rows that are not solved", async () => {
    const a = operatorOf(diagonalMatrix(Float64Array.from({ length: n }, (_, i) => i + 1)), positiveSemidefinite);
    const easy = new Float64Array(n);
    easy[3] = 1; // an eigenvector: one step
    const b = Float64Array.from([...easy, ...normals(n, 7, "b")]);
    const { rows, products } = await conjugateGradient(a, b, { k: 2, relativeTolerance: 1e-10 });
    expect(rows[0]!.iterations).toBe(1);
    expect(products).toBe(rows[0]!.iterations + rows[1]!.iterations);
    expect(a.products).toBe(products);
  });
});

describe("largestEigenvalueBound", () => {
  it("is above the largest eigenvalue, not by much", async () => {
    for (let seed = 0; seed < 5; seed++) {
      const { value } = await largestEigenvalueBound(operatorOf(positive, selfAdjoint), { seed });
      expect(value).toBeGreaterThanOrEqual(0.5 + (n - 1) / 8 - 1e-9);
      expect(value).toBeLessThan(1.5 * (0.5 + n / 8));
    }
    expect((await largestEigenvalueBound(operatorOf(diagonalMatrix(new Float64Array(5)), selfAdjoint))).value).toBe(0);
  });
});
