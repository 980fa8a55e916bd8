/**
 * What single weights cost, by formulas that look at one weight at a time.
 *
 *     magnitude   ½ w²                               OBD     ½ w² H_jj
 *     Wanda       |w| ‖x_j‖ / √n = |w| √(H_jj / 2)   OBS     ½ w² / [H⁻¹]_jj
 *
 * Sources: LeCun, Denker & Solla (1989); Hassibi & Stork (1992); Sun, Liu, Bair & Kolter (2023), arXiv:2306.11695.
 */
import { type Matrix, matmul, matrix } from "@hessonite/core";
import type { PreparedLayer } from "./layer.ts";

/** ½ w² */
export function magnitudeCosts({ rows, columns, data }: Matrix): Matrix {
  return matrix(
    rows,
    columns,
    data.map((w) => 0.5 * w * w),
  );
}

/** ½ w² H_jj */
export function obdCosts({ weights, hessian }: Pick<PreparedLayer, "weights" | "hessian">): Matrix {
  return byColumn(weights, (w, j) => 0.5 * w * w * hessian.data[j * hessian.columns + j]!);
}

/** |w| √(H_jj / 2): comparable within a row, which is how it is used. */
export function wandaCosts({ weights, hessian }: Pick<PreparedLayer, "weights" | "hessian">): Matrix {
  return byColumn(weights, (w, j) => Math.abs(w) * Math.sqrt(0.5 * hessian.data[j * hessian.columns + j]!));
}

/** ½ w² / [H⁻¹]_jj: the exact rise of one weight's removal. */
export function obsCosts({ weights, inverse }: Pick<PreparedLayer, "weights" | "inverse">): Matrix {
  return byColumn(weights, (w, j) => (0.5 * w * w) / inverse.data[j * inverse.columns + j]!);
}

/** ½ w_j (H w)_j: a whole row's sum is what its removal costs. */
export function rowCosts({ weights, hessian }: Pick<PreparedLayer, "weights" | "hessian">): Matrix {
  const products = matmul(weights, hessian);
  return { ...weights, data: weights.data.map((w, at) => 0.5 * w * products.data[at]!) };
}

function byColumn({ rows, columns, data }: Matrix, cost: (w: number, j: number) => number): Matrix {
  return matrix(
    rows,
    columns,
    data.map((w, at) => cost(w, at % columns)),
  );
}
