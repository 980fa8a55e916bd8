import { describe, expect, it } from "vitest";
import { randomMatrix } from "../linalg/knownMatrices.ts";
import { fromRows, gram, matrix, plusDiagonal } from "../linalg/matrix.ts";
import type { Solution } from "../linalg/solver.ts";
import { randomStream } from "../random/random.ts";
import { checkOperator } from "../testing/checkOperator.ts";
import { expectClose } from "../testing/expectClose.ts";
import { blockDiagonal } from "./blockDiagonal.ts";
import { congruence } from "./congruence.ts";
import { toDense } from "./dense.ts";
import { denseOperator } from "./denseOperator.ts";
import { diagonal } from "./diagonal.ts";
import { identity } from "./identity.ts";
import { inverse } from "./inverse.ts";
import { kronecker } from "./kronecker.ts";
import type { LinearOperator } from "./linearOperator.ts";
import { lowRankPlusDiagonal } from "./lowRankPlusDiagonal.ts";
import { product } from "./product.ts";
import { scale } from "./scale.ts";
import { selection } from "./selection.ts";
import { damped } from "./sum.ts";

const small = gram(randomMatrix(9, 3, 1), { of: "columns" });
const pair = fromRows([
  [2, 1],
  [1, 3],
]);
const directions = randomMatrix(2, 3, 3);
const d = Float64Array.of(1, 0.25, 3);

/** A with the exact inverse that it should know. */
const knowing: readonly (readonly [string, LinearOperator])[] = [
  ["a multiple of the identity", scale(3, identity(3))],
  ["a diagonal", diagonal(d)],
  ["a dense matrix", denseOperator(small, { positiveSemidefinite: true })],
  ["low rank plus diagonal", lowRankPlusDiagonal({ diagonal: d, directions })],
  ["its inverse", lowRankPlusDiagonal({ diagonal: d, directions, weights: Float64Array.of(-0.1, 2) })],
  ["a Kronecker product", kronecker(small, pair)],
  ["blocks", blockDiagonal([kronecker(small, pair), diagonal(d), denseOperator(pair, { positiveSemidefinite: true })])],
  [
    "a permutation of blocks",
    congruence(selection([3, 0, 4, 1, 2], 5), blockDiagonal([diagonal(d), denseOperator(pair)])),
  ],
  [
    "part of a longer vector",
    congruence(selection([4, 1], 6).adjoint(), denseOperator(pair, { positiveSemidefinite: true })),
  ],
  ["all of it damped and scaled", scale(0.5, damped(lowRankPlusDiagonal({ diagonal: d, directions }), 0.2))],
];

const times = async (a: LinearOperator, b: LinearOperator): Promise<Float64Array> => {
  const n = a.shape[1];
  const units = plusDiagonal(matrix(n, n), 1).data;
  return a.apply(await b.apply(units, { k: n }), { k: n });
};

describe("inverse", () => {
  it.each(knowing)("is exact for %s", async (_, a) => {
    const inverted = await inverse(a, { damping: 0.4 });
    const n = a.shape[0];
    expectClose(await times(damped(a, 0.4), inverted), plusDiagonal(matrix(n, n), 1).data, "(A + δ I) X = I", {
      relative: 1e-12,
      absolute: 1e-12,
    });
    expect(inverted.adjoint()).toBe(inverted);
  });

  it("asks for a damping where something is singular", async () => {
    const short = congruence(selection([1], 3).adjoint(), identity(1));
    await expect(inverse(short)).rejects.toThrowErrorMatchingInlineSnapshot(`
      [UsageError: Cannot raise what Sᵀ leaves out to the power -1 as an eigenvalue has none
        found     0
        try       a positive damping]
    `);
    await expect(inverse(diagonal(Float64Array.of(1, 0)))).rejects.toThrow("positive damping");
    await expect(inverse(identity(2), { damping: -1 })).rejects.toThrowErrorMatchingInlineSnapshot(`
      [UsageError: Cannot invert I as the damping is not a number from 0
        found     -1]
    `);
    await expect(inverse(denseOperator(directions))).rejects.toThrowErrorMatchingInlineSnapshot(`
      [MismatchError: Cannot invert dense matrix as it is not square
        found     2 × 3]
    `);
  });

  it("solves where nothing is known, and keeps the contract doing so", async () => {
    const g = matrix(4, 4, randomMatrix(4, 4, 6).data);
    const a = product(denseOperator(g), identity(4));
    const x = await inverse(a, { damping: 3, relativeTolerance: 1e-13, maxIterations: 100 });
    const dense = await times(x, identity(4));
    const inverted = Array.from({ length: 4 }, (_, i) => Float64Array.from({ length: 4 }, (_, j) => dense[j * 4 + i]!));
    expectClose(await times(damped(a, 3), x), plusDiagonal(matrix(4, 4), 1).data, "(A + δ I) X = I", {
      relative: 1e-9,
      absolute: 1e-9,
    });
    await checkOperator(x, inverted, randomStream(1), { tolerance: { relative: 1e-9, absolute: 1e-9 } });
  });

  it("may be preconditioned by another inverse", async () => {
    const n = 60;
    const levels = Float64Array.from({ length: n }, (_, i) => 10 ** (i % 7));
    const counts: number[] = [];
    const onSolve = ({ iterations }: Solution): void => void counts.push(iterations);
    const whole = withoutFacts(lowRankPlusDiagonal({ diagonal: levels, directions: randomMatrix(3, n, 5) }));
    const b = new Float64Array(n).fill(1);
    await (await inverse(whole, { onSolve })).apply(b);
    await (await inverse(whole, { onSolve, preconditioner: await inverse(diagonal(levels)) })).apply(b);
    expect(counts[1]).toBeLessThanOrEqual(5); // D⁻¹A has four distinct eigenvalues
    expect(counts[0]).toBeGreaterThan(10);
  });
});

describe("facts of what is singular or indefinite", () => {
  const flat = fromRows([
    [1, 2, 3],
    [2, 4, 6],
    [3, 6, 9],
  ]); // 14 q qᵀ with q = (1, 2, 3) / √14
  const tolerance = { relative: 1e-7, absolute: 1e-7 }; // roots of what rounding leaves of zero

  it.each([
    ["dense", denseOperator(flat, { positiveSemidefinite: true }), flat],
    ["Kronecker", kronecker(flat, fromRows([[2]])), { ...flat, data: flat.data.map((x) => 2 * x) }],
  ])("have a root without damping: %s", async (_, a, whole) => {
    const root = await a.exact!.power!(0.5, 0);
    const { data } = whole;
    const scale = Math.sqrt(data.reduce((sum, x, at) => sum + (at % 4 === 0 ? x : 0), 0));
    expectClose(
      await toDense(root),
      data.map((x) => x / scale),
      "A^½ = A / √tr A for rank one",
      tolerance,
    );
  });

  it("say that they are indefinite where the damping made them so", async () => {
    const a = lowRankPlusDiagonal({ diagonal: Float64Array.of(1, 2, 3), directions: fromRows([[1, 0, 1]]) });
    const inverted = await a.exact!.inverse!(-1.5);
    expect(inverted.structure.positiveSemidefinite).toBe(false);
    const rows = [
      [1 - 1.5 + 1, 0, 1],
      [0, 2 - 1.5, 0],
      [1, 0, 3 - 1.5 + 1],
    ]; // its corners have the determinant ½ · 2½ − 1 = ¼
    const truth = [
      [10, 0, -4],
      [0, 2, 0],
      [-4, 0, 2],
    ];
    expectClose(await toDense(inverted), truth.flat(), "inverse", { relative: 1e-12, absolute: 1e-12 });
    expectClose(await times(inverted, denseOperator(fromRows(rows))), identityOf(3), "X A = I", tolerance);
    await checkOperator(inverted, truth, randomStream(6), { tolerance: { relative: 1e-11, absolute: 1e-11 } });
  });
});

const identityOf = (n: number): Float64Array => plusDiagonal(matrix(n, n), 1).data;

function withoutFacts({ exact: _, ...a }: LinearOperator): LinearOperator {
  const self: LinearOperator = { ...a, adjoint: () => self };
  return self;
}
