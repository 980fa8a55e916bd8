/**
 * Fits of parts of the data as one: what a single pass over all parts gives.
 *
 * Losses, gradients, counts and H add up. EK-FAC and low-rank posteriors do not: their bases are the parts' own.
 */
import { MismatchError, UsageError } from "@hessonite/core";
import { type Laplace, precisionScale } from "./fit.ts";
import { added } from "./posterior/merging.ts";

/**
 * The fits together, at the first one's hyperparameters; what it holds is theirs to release.
 *
 * @throws {MismatchError} if the fits are of other weights, structures or likelihoods.
 * @throws {UsageError} if the structure cannot be merged, or there is no fit.
 */
export async function mergeFits(fits: readonly Laplace[]): Promise<Laplace> {
  const [first, ...others] = fits;
  if (!first) throw new UsageError("Cannot merge fits as there are none");
  let merged = first;
  for (const other of others) merged = await together(merged, other);
  return { ...merged, posterior: await merged.curvature.posterior(precisionScale(merged), merged.prior) };
}

async function together(a: Laplace, b: Laplace): Promise<Laplace> {
  requireSameWeights(a, b);
  const { curvature } = a;
  if (!curvature.merge) {
    throw new UsageError("Cannot merge fits as their structure has bases of its own data", {
      found: `${curvature.structure} posterior`,
      try: "a Kronecker, full or diagonal posterior",
    });
  }
  return {
    ...a,
    curvature: await curvature.merge(b.curvature),
    loss: a.loss + b.loss,
    gradient: added(a.gradient, b.gradient),
    entries: a.entries + b.entries,
    rows: a.rows + b.rows,
    base: a.base + b.base,
  };
}

function requireSameWeights(a: Laplace, b: Laplace): void {
  const names = ({ problem, likelihood }: Laplace): string =>
    `${likelihood.name}: ${problem.space.parameters.map(({ name }) => name).join(", ")}`;
  const same = names(a) === names(b) && a.mean.length === b.mean.length && a.mean.every((x, i) => x === b.mean[i]);
  if (same) return;
  throw new MismatchError("Cannot merge fits as they are not of the same weights and likelihood", {
    expected: names(a),
    found: names(b) === names(a) ? "the same names with other values" : names(b),
  });
}
