/**
 * Class probabilities where logits are uncertain, by the Laplace bridge: the Dirichlet whose Gaussian approximation in
 * softmax coordinates has the logits' mean and variances.
 *
 *     m ← m − V1 (1ᵀm)/(1ᵀV1),   V ← V − V1 1ᵀV/(1ᵀV1)         onto the logits that sum to 0
 *     α_c = (1 − 2/C + e^{m_c}/C² · Σ_k e^{−m_k}) / V_cc,       p = α / Σ α
 *
 * `normalised` first divides m by √v and V by v, v = mean_c V_cc / √(C/2): it keeps large variances from saturating.
 *
 * Sources: MacKay (1998), Choice of basis for Laplace approximation; Hobbhahn, Kristiadi, Hennig (2022), Fast predictive
 * uncertainty for classification with Bayesian deep networks, arXiv:2003.01227.
 */
import type { Outputs } from "../functionalVariance.ts";

export function bridge({ rows, outputs: c, mean, covariance }: Outputs, { normalised = false } = {}): Float64Array {
  const out = new Float64Array(rows * c);
  for (let row = 0; row < rows; row++) {
    const centred = ontoZeroSum(
      mean.subarray(row * c, (row + 1) * c),
      covariance.subarray(row * c * c, (row + 1) * c * c),
    );
    out.set(dirichletMean(normalised ? evenVariance(centred) : centred), row * c);
  }
  return out;
}

interface Logits {
  readonly mean: Float64Array;
  readonly variance: Float64Array;
}

function ontoZeroSum(mean: Float64Array, v: Float64Array): Logits {
  const c = mean.length;
  const along = mean.map((_, i) => v.subarray(i * c, (i + 1) * c).reduce((sum, x) => sum + x, 0)); // V1
  const total = along.reduce((sum, x) => sum + x, 0);
  const shift = mean.reduce((sum, x) => sum + x, 0) / total;
  return {
    mean: mean.map((m, i) => m - along[i]! * shift),
    variance: mean.map((_, i) => v[i * (c + 1)]! - along[i]! ** 2 / total),
  };
}

function evenVariance({ mean, variance }: Logits): Logits {
  const c = mean.length;
  const v = variance.reduce((sum, x) => sum + x, 0) / c / Math.sqrt(c / 2);
  return { mean: mean.map((m) => m / Math.sqrt(v)), variance: variance.map((x) => x / v) };
}

/** Logarithms keep e^{m_c} Σ e^{−m_k} from overflowing. */
function dirichletMean({ mean, variance }: Logits): Float64Array {
  const c = mean.length;
  const least = mean.reduce((m, x) => Math.min(m, x), Number.POSITIVE_INFINITY);
  const logSum = -least + Math.log(mean.reduce((sum, m) => sum + Math.exp(least - m), 0));
  const alpha = mean.map((m, i) => (1 - 2 / c + Math.exp(m + logSum - 2 * Math.log(c))) / variance[i]!);
  const total = alpha.reduce((sum, x) => sum + x, 0);
  return alpha.map((x) => x / total);
}
