/**
 * The trace by Hutch++: exactly on a sketch of the range, by Hutchinson's estimator on what is left.
 *
 *     tr A = tr(Qᵀ A Q) + tr((I − Q Qᵀ) A (I − Q Qᵀ)),      Q an orthonormal basis of A S, S random signs
 *
 * A third of the products each for A S, A Q and the rest. Unbiased; the error falls as 1/samples for semidefinite A.
 *
 * Source: Meyer, Musco, Musco & Woodruff (2021), Hutch++: optimal stochastic trace estimation, SOSA.
 */
import { orthonormalRows, projectOut } from "../linalg/orthogonalize.ts";
import { dot, row } from "../linalg/vector.ts";
import type { LinearOperator } from "../operators/linearOperator.ts";
import { type Estimate, meanAndError, requireSamples, type SamplingOptions } from "./estimate.ts";
import { applyRows, meterOf, probeRows, requireSquareOperator } from "./probes.ts";

/**
 * Estimates tr A from at most `samples` products.
 *
 * Memory: 4/3 · samples vectors.
 *
 * @throws {UsageError} if there are fewer than 6 samples, or more than three times the side of A.
 */
export async function hutchPlusPlusTrace(a: LinearOperator, options: SamplingOptions): Promise<Estimate> {
  const n = requireSquareOperator(a, "estimate the trace");
  const { samples, seed = 0 } = options;
  requireSamples(samples, "estimate a trace", {
    least: 6,
    most: 3 * n,
    try: "trace(), which is exact from n samples on",
  });
  const sketch = Math.floor(samples / 3);
  const rest = samples - 2 * sketch;
  const meter = meterOf(options, samples);
  const { basis, rank } = orthonormalRows(await applyRows(a, probeRows("sign", n, seed, 0, sketch), meter), n);
  const inside = dot(basis, await applyRows(a, basis, meter)); // Σ qᵀ A q
  const probes = probeRows("sign", n, seed, sketch, rest);
  for (let i = 0; i < rest; i++) projectOut(row(probes, i, n), basis, rank);
  const images = await applyRows(a, probes, meter);
  const terms = Array.from({ length: rest }, (_, i) => inside + dot(row(probes, i, n), row(images, i, n)));
  return { ...meanAndError(terms), products: meter.spent, seed };
}
