/**
 * The leave-one-out estimators against their definitions: for each probe, the basis or approximation of the others is
 * computed anew, without the identities that spare it.
 */
import { describe, expect, it } from "vitest";
import { operatorOf, randomMatrix, withSpectrum } from "../linalg/knownMatrices.ts";
import { diagonalOf, identity, type Matrix, matmul, matrix, matvec, subtract, trace } from "../linalg/matrix.ts";
import { qrSync } from "../linalg/qr.ts";
import { dot, minus, row } from "../linalg/vector.ts";
import { positiveSemidefinite } from "../operators/linearOperator.ts";
import { expectClose } from "../testing/expectClose.ts";
import { xDiag } from "./diagonal.ts";
import { probeRows, sphereRows } from "./probes.ts";
import { xNysTrace } from "./xNysTrace.ts";
import { xTrace } from "./xTrace.ts";

const [n, k, seed] = [14, 5, 3];
const general = randomMatrix(n, n, 1);
const definite = withSpectrum(Float64Array.from({ length: n }, (_, i) => 1 / (i + 1)));
const near = { relative: 1e-10, absolute: 1e-10 };

/** All rows but row i, as columns. */
function columnsWithout(rows: Float64Array, i: number): Matrix {
  const count = rows.length / n;
  const kept = Array.from({ length: count }, (_, j) => j).filter((j) => j !== i);
  return matrix(
    n,
    kept.length,
    Float64Array.from({ length: n * kept.length }, (_, at) => {
      return rows[kept[at % kept.length]! * n + Math.floor(at / kept.length)]!;
    }),
  );
}

/** P with P x in the range of M's columns. */
function projectionOnto(m: Matrix): Matrix {
  const { q } = qrSync(m);
  return matmul(q, q, { b: true });
}

/** Mean of the terms, and the standard error that their scatter gives. */
function summary(terms: readonly number[]): { readonly mean: number; readonly standardError: number } {
  const mean = terms.reduce((sum, t) => sum + t, 0) / terms.length;
  const variance = terms.reduce((sum, t) => sum + (t - mean) ** 2, 0) / (terms.length - 1);
  return { mean, standardError: Math.sqrt(variance / terms.length) };
}

describe("XTrace", () => {
  it.each([
    ["symmetric", definite],
    ["not symmetric", general],
  ])("is the mean of what each probe says with the others' range, %s", async (_, a) => {
    const probes = sphereRows(n, seed, k);
    const terms = Array.from({ length: k }, (_, i) => {
      const p = projectionOnto(matmul(a, columnsWithout(probes, i)));
      const rest = minus(row(probes, i, n), matvec(p, row(probes, i, n)));
      const scale = (n - (k - 1)) / dot(rest, rest);
      return trace(matmul(p, a)) + scale * dot(rest, matvec(a, rest));
    });
    const found = await xTrace(operatorOf(a), { samples: 2 * k, seed });
    const { mean, standardError } = summary(terms);
    expectClose([found.mean, found.standardError], [mean, standardError], "XTrace", near);
  });
});

describe("XNysTrace", () => {
  it("is the mean of what each probe says beside the others' Nyström approximation", async () => {
    const probes = sphereRows(n, seed, k);
    const terms = Array.from({ length: k }, (_, i) => {
      const others = columnsWithout(probes, i);
      // Â = A Ω (Ωᵀ A Ω)⁻¹ Ωᵀ A is A^½ P A^½ with P onto the range of A^½ Ω: by a root of A's own.
      const root = withSpectrum(Float64Array.from({ length: n }, (_, j) => Math.sqrt(1 / (j + 1))));
      const approximation = matmul(matmul(root, projectionOnto(matmul(root, others))), root);
      const rest = minus(row(probes, i, n), matvec(projectionOnto(others), row(probes, i, n)));
      const scale = (n - (k - 1)) / dot(rest, rest);
      const omega = row(probes, i, n);
      const left = dot(omega, matvec(subtract(definite, approximation), omega));
      return trace(approximation) + scale * left;
    });
    const { mean } = await xNysTrace(operatorOf(definite, positiveSemidefinite), { samples: k, seed });
    expectClose([mean], [summary(terms).mean], "XNysTrace", near);
  });
});

describe("XDiag", () => {
  it.each([
    ["symmetric", definite],
    ["not symmetric", general],
  ])("is the mean of what each probe says with the others' range, %s", async (_, a) => {
    const probes = probeRows("sign", n, seed, 0, k);
    const terms = Array.from({ length: k }, (_, i) => {
      const p = projectionOnto(matmul(a, columnsWithout(probes, i)));
      const omega = row(probes, i, n);
      const left = matvec(matmul(subtract(identity(n), p), a), omega);
      return diagonalOf(matmul(p, a)).map((x, j) => x + omega[j]! * left[j]!);
    });
    const found = await xDiag(operatorOf(a), { samples: 2 * k, seed });
    for (let j = 0; j < n; j++) {
      const { mean, standardError } = summary(terms.map((term) => term[j]!));
      expectClose([found.mean[j]!, found.standardError[j]!], [mean, standardError], `entry ${j}`, near);
    }
    expect(found.products).toBe(2 * k);
  });
});
