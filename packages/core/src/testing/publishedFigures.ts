/**
 * The matrices of two papers' figures, and how far off the papers' methods are on them: see testdata/estimators/published.py.
 *
 * Sources: Epperly, Tropp & Webber (2024), SIAM J. Matrix Anal. 45(1), § 3; Papyan (2020), JMLR 21(252), figure 15, § D.2.
 */
import { readFileSync } from "node:fs";
import { operatorOf, randomMatrix } from "../linalg/knownMatrices.ts";
import { gram, type Matrix, matmul, matrix, scaleColumns } from "../linalg/matrix.ts";
import { qrSync } from "../linalg/qr.ts";
import { type LinearOperator, positiveSemidefinite } from "../operators/linearOperator.ts";
import { randomStream } from "../random/random.ts";

export interface PublishedFigures {
  /** Of the matrices whose traces are estimated. */
  readonly side: number;
  /** Products that were spent. */
  readonly budgets: readonly number[];
  /** Mean |estimate − trace| / trace, by spectrum and method, for each budget. */
  readonly traces: Readonly<Record<string, Readonly<Record<string, readonly number[]>>>>;
  /** ∫ |estimate − truth| of a density that integrates to 1, and the width σ of its bumps. */
  readonly densities: Readonly<Record<string, { readonly error: number; readonly width: number }>>;
}

export const publishedFigures = JSON.parse(
  readFileSync(new URL("../../testdata/estimators/published.json", import.meta.url), "utf8"),
) as PublishedFigures;

const { side } = publishedFigures;

/** Eigenvalue i, from 1, of the spectra that traces are estimated of. */
const eigenvalues: Readonly<Record<string, (i: number) => number>> = {
  flat: (i) => 1 + (2 * (i - 1)) / (side - 1),
  poly: (i) => i ** -2,
  slowexp: (i) => 0.9 ** (i - 1),
  fastexp: (i) => 0.7 ** (i - 1),
  smallstep: (i) => (i <= side / 20 ? 1 : 1e-3),
  bigstep: (i) => (i <= side / 20 ? 1 : 1e-8),
};

export const spectrumNames: readonly string[] = Object.keys(eigenvalues);

let basis: Matrix | undefined;

/** Q diag(λ) Qᵀ, Q a random basis, and its trace. */
export function matrixOf(spectrum: string): { readonly operator: LinearOperator; readonly trace: number } {
  basis ??= qrSync(randomMatrix(side, side, 7)).q;
  const values = Float64Array.from({ length: side }, (_, i) => eigenvalues[spectrum]!(i + 1));
  const product = matmul(scaleColumns(basis, values), basis, { b: true });
  return { operator: operatorOf(product, positiveSemidefinite), trace: values.reduce((sum, x) => sum + x, 0) };
}

/** diag(5, 4, 3, 0, …) + Z Zᵀ / n, Z [n, n] normal; figure 15 (a) has n = 2000. */
export function bulkAndSpikes(n: number, seed: number): Matrix {
  const product = gram(randomMatrix(n, n, seed), { of: "rows" });
  for (let at = 0; at < product.data.length; at++) product.data[at]! /= n;
  [5, 4, 3].forEach((spike, i) => {
    product.data[i * (n + 1)]! += spike;
  });
  return product;
}

/** Z Zᵀ / 1000, Z [500, 1000] of density z⁻² from 1 on: figure 15 (b). */
export function heavyTails(seed: number): Matrix {
  const random = randomStream(seed, "Pareto");
  const z = Float64Array.from({ length: 500 * 1000 }, () => 1 / (1 - random.uniform()));
  const product = gram(matrix(500, 1000, z), { of: "rows" });
  return { ...product, data: product.data.map((x) => x / 1000) };
}

/** ∫ |f − g| by the trapezoidal rule. */
export function distanceBetween(grid: Float64Array, f: Float64Array, g: Float64Array): number {
  const apart = f.map((value, i) => Math.abs(value - g[i]!));
  return grid.reduce((sum, t, i) => (i === 0 ? 0 : sum + 0.5 * (t - grid[i - 1]!) * (apart[i]! + apart[i - 1]!)), 0);
}
