/**
 * Chooses prior precisions and noise by the evidence.
 *
 *     δ_g ← γ_g / ‖θ_g‖²,   σ² ← 2 unit L / (T (entries − γ))                  MacKay's fixed point, where it improves
 *     δ_g ← n_g / (‖θ_g‖² + Σ_{i∈g} Σ_ii),   σ² ← (2 unit L + tr ΣH) / (T entries)   else: it always does
 *
 * The second is the maximum of a lower bound that touches the evidence (log det is concave in δ and s), so no step goes down.
 *
 * Source: MacKay (1992), Bayesian interpolation, Neural Computation 4(3).
 */
import { type Evidence, evidence, evidenceGradient } from "./evidence.ts";
import { type Laplace, precisionScale, withHyperparameters } from "./fit.ts";
import { linearisedMode } from "./linearised.ts";
import { type PriorKind, sumByGroup } from "./prior.ts";

export interface TuneOptions {
  /** Which weights share a precision; scalar unless said. */
  readonly kind?: PriorKind;
  /** Whether the prior is tuned; true unless said. */
  readonly prior?: boolean;
  /** Whether σ is tuned too; true for a likelihood that has one, unless said. */
  readonly noise?: boolean;
  /** Steps to the linearised model's mode at each new prior: exact for linear models. Full posteriors only; off unless said. */
  readonly refit?: boolean;
  /** Largest derivative by a logarithm at which it ends, relative to the number of weights in the group; 1e-10 unless said. */
  readonly tolerance?: number;
  readonly maxIterations?: number;
  readonly signal?: AbortSignal;
}

export interface Tuned {
  readonly fit: Laplace;
  readonly evidence: Evidence;
  readonly iterations: number;
  readonly outcome: "converged" | "iteration limit";
}

/** Precisions beyond these say that the evidence has no maximum inside: weights are zero, or free. */
const bounds = { least: 1e-12, most: 1e12 };

/**
 * The fit at the hyperparameters that maximise the evidence, from those it has.
 *
 * Cost: a posterior for each iteration; nothing is measured again.
 */
export async function tuneByEvidence(fit: Laplace, options: TuneOptions = {}): Promise<Tuned> {
  const { kind = "scalar", tolerance = 1e-10, maxIterations = 500, signal } = options;
  const free = { prior: options.prior ?? true, noise: options.noise ?? fit.likelihood.noisy };
  const settle = options.refit ? linearisedMode : (same: Laplace) => same;
  let best = score(settle(free.prior ? await spread(fit, kind) : fit), free);
  for (let iterations = 0; iterations < maxIterations; iterations++) {
    signal?.throwIfAborted();
    const next = best.slope < tolerance ? undefined : await improved(best, free, settle);
    if (!next) return { fit: best.fit, evidence: best.evidence, iterations, outcome: "converged" };
    best = next;
  }
  return { fit: best.fit, evidence: best.evidence, iterations: maxIterations, outcome: "iteration limit" };
}

interface Scored {
  readonly fit: Laplace;
  readonly evidence: Evidence;
  /** The largest derivative, see `tolerance`. */
  readonly slope: number;
}

/** What is tuned. */
interface Free {
  readonly prior: boolean;
  readonly noise: boolean;
}

function score(fit: Laplace, free: Free): Scored {
  const at = evidence(fit);
  return { fit, evidence: at, slope: steepest(fit, at, free) };
}

/** The same prior in groups of this kind: precisions that differed start at their geometric mean. */
async function spread(fit: Laplace, kind: PriorKind): Promise<Laplace> {
  if (kind === fit.prior.groups.kind) return fit;
  const { precision } = fit.prior;
  const middle = Math.exp(precision.reduce((sum, x) => sum + Math.log(x), 0) / precision.length);
  return withHyperparameters(fit, { kind, prior: Array.from(fit.curvature.groups(kind).sizes, () => middle) });
}

function steepest(fit: Laplace, at: Evidence, free: Free): number {
  const { logPrior, logNoise } = evidenceGradient(fit, at);
  const { sizes } = fit.prior.groups;
  const { precision } = fit.prior;
  const inside = logPrior.map((x, g) => (isBound(precision[g]!, x) ? 0 : Math.abs(x) / sizes[g]!));
  return Math.max(
    free.prior ? inside.reduce((most, x) => Math.max(most, x), 0) : 0,
    free.noise ? Math.abs(logNoise) / fit.entries : 0,
  );
}

/** At a bound, and the evidence rises beyond it. */
const isBound = (precision: number, slope: number): boolean =>
  (precision >= bounds.most && slope > 0) || (precision <= bounds.least && slope < 0);

/** Relative change of the evidence that may be rounding: then the slope decides. */
const rounding = 1e-12;

/** The next point, or undefined where rounding is all that is left to gain. */
async function improved(now: Scored, free: Free, settle: (fit: Laplace) => Laplace): Promise<Scored | undefined> {
  for (const step of [mackay, bound]) {
    const next = score(settle(await step(now, free)), free);
    const gain = next.evidence.total - now.evidence.total;
    const small = rounding * Math.abs(now.evidence.total);
    if (gain > small || (gain > -small && next.slope < now.slope)) return next;
  }
  return undefined;
}

type Step = (now: Scored, free: Free) => Promise<Laplace>;

const within = (x: number): number => Math.min(Math.max(x, bounds.least), bounds.most);

const mackay: Step = ({ fit, evidence: { effectiveByGroup, effectiveParameters } }, tuned) => {
  const squares = squaresByGroup(fit);
  const prior = effectiveByGroup.map((gamma, g) => within(Math.max(gamma, 0) / squares[g]!));
  const free = Math.max(fit.entries - effectiveParameters, 1e-3 * fit.entries);
  return moved(fit, prior, tuned, twiceUnitLoss(fit) / free);
};

const bound: Step = ({ fit, evidence: { effectiveParameters } }, tuned) => {
  const squares = squaresByGroup(fit);
  const variances = fit.posterior.groupVariances();
  const prior = fit.prior.groups.sizes.map((n, g) => within(n / (squares[g]! + variances[g]!)));
  const traceSigmaH = effectiveParameters / precisionScale(fit);
  return moved(fit, prior, tuned, (twiceUnitLoss(fit) + traceSigmaH) / fit.entries);
};

const twiceUnitLoss = ({ likelihood, loss }: Laplace): number => 2 * likelihood.unit * loss;

const squaresByGroup = ({ prior, mean }: Laplace): Float64Array =>
  sumByGroup(
    prior.groups,
    mean.map((x) => x * x),
  );

/** @param variance σ² T */
function moved(fit: Laplace, prior: Float64Array, free: Free, variance: number): Promise<Laplace> {
  const { kind } = fit.prior.groups;
  const sigma = Math.sqrt(Math.max(variance, Number.MIN_VALUE) / fit.temperature);
  return withHyperparameters(fit, {
    kind,
    ...(free.prior ? { prior } : {}),
    ...(free.noise ? { noise: sigma } : {}),
  });
}
