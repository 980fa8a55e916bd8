/**
 * The posterior where H = F Fᵀ with few columns, F [P, k]: the prior alone elsewhere.
 *
 *     B = √s D^(−½) F,   BᵀB = W diag(μ) Wᵀ [k, k],   Ũ = B W diag(μ^(−½))
 *     Σ = D^(−½) (I − Ũ diag(μ/(1+μ)) Ũᵀ) D^(−½),   R = D^(−½) (I − Ũ diag(1 − (1+μ)^(−½)) Ũᵀ)
 *
 * With one precision for all weights W and Ũ are those of F, and serve every prior and noise: μ = s λ(FᵀF)/δ.
 */
import { eigh, gram, type Matrix, matmul, matrix, scaleColumns, scaleRows } from "@hessonite/core";
import { logDeterminantOf, type Prior, precisions, sumByGroup } from "../prior.ts";
import type { Posterior } from "./posterior.ts";

/** μ and Ũ `[P, k]`. */
interface Directions {
  readonly mu: Float64Array;
  readonly basis: Matrix;
}

/** The posteriors of one F. */
export function factoredPosteriors(factor: Matrix): (scale: number, prior: Prior) => Promise<Posterior> {
  let own: Promise<Directions> | undefined;
  return async (scale, prior) => {
    const root = precisions(prior).map((x) => 1 / Math.sqrt(x));
    if (prior.precision.length > 1) {
      const b = scaleRows(
        root.map((x) => x * Math.sqrt(scale)),
        factor,
      );
      return posteriorOf(await directionsOf(b), root, prior);
    }
    own ??= directionsOf(factor);
    const { mu, basis } = await own;
    return posteriorOf({ mu: mu.map((x) => (x * scale) / prior.precision[0]!), basis }, root, prior);
  };
}

async function directionsOf(b: Matrix): Promise<Directions> {
  const { values, vectors } = await eigh(gram(b, { of: "columns" }));
  const least = 1e-14 * (values.at(-1) ?? 0); // below it a direction is rounding
  const mu = values.map((x) => (x > least ? x : 0));
  const inverse = mu.map((x) => (x > 0 ? 1 / Math.sqrt(x) : 0));
  return { mu, basis: scaleColumns(matmul(b, vectors), inverse) };
}

function posteriorOf({ mu, basis }: Directions, root: Float64Array, prior: Prior): Posterior {
  const shrink = mu.map((x) => 1 - 1 / Math.sqrt(1 + x));
  const project = (m: Matrix): Matrix => {
    const back = matmul(scaleColumns(matmul(m, basis), shrink), basis, { b: true });
    return matrix(
      m.rows,
      m.columns,
      m.data.map((x, i) => x - back.data[i]!),
    );
  };
  const variances = (): Float64Array => {
    const k = basis.columns;
    return root.map((r, i) => {
      let taken = 0;
      for (let j = 0; j < k; j++) taken += (basis.data[i * k + j]! ** 2 * mu[j]!) / (1 + mu[j]!);
      return r * r * (1 - taken);
    });
  };
  return {
    logDeterminant: logDeterminantOf(prior) + mu.reduce((sum, x) => sum + Math.log1p(x), 0),
    timesRoot: (rows) => project(scaleColumns(rows, root)),
    timesRootTransposed: (normals) => scaleColumns(project(normals), root),
    groupVariances: () => sumByGroup(prior.groups, variances()),
    variances,
  };
}
