/**
 * Chooses the regulariser δ of a curvature matrix H, by one of three criteria.
 *
 *     evidence   δ = c·γ/(N‖θ‖²), γ = Σ λ/(λ + δ): MacKay's fixed point, where the Laplace evidence is largest
 *     heldOut    the δ of a grid with the best metric on data that were kept aside; the smallest of equals
 *     fixed      what the caller says
 *
 * With H the mean over N data of losses that are c times a negative log-likelihood, and a prior N(0, I/α), the posterior's
 * curvature is (N/c)(H + δ) with α = Nδ/c. No one criterion serves every application: each names its own.
 *
 * Source: MacKay (1992), Bayesian interpolation, Neural Computation 4(3).
 */
import { UsageError } from "../errors.ts";

/** What is known of a curvature matrix and its parameters. */
export interface Spectrum {
  /** λ: eigenvalues of the curvature of the mean loss; below 0 counts as 0. */
  readonly eigenvalues: Float64Array;
  /** ‖θ‖² of the parameters that it is the curvature of. */
  readonly squaredNorm: number;
  /** N */
  readonly rows: number;
  /** c: 1 for cross-entropy; 2σ² for Σ(f − y)². */
  readonly temperature: number;
}

export type Criterion =
  | { readonly kind: "evidence"; readonly relativeTolerance?: number; readonly maxIterations?: number }
  | {
      readonly kind: "heldOut";
      readonly grid: readonly number[];
      readonly metric: (regulariser: number) => number | Promise<number>;
    }
  | { readonly kind: "fixed"; readonly value: number };

export interface RegulariserPoint {
  readonly regulariser: number;
  /** Log evidence up to a constant, or the metric: larger is better. */
  readonly value: number;
}

export interface Regulariser {
  readonly regulariser: number;
  readonly outcome: "converged" | "iteration limit" | "at the end of the grid" | "given";
  /** γ, how many directions the data determine; with the evidence alone. */
  readonly effectiveParameters?: number;
  /** The criterion around the choice, ascending in δ. */
  readonly curve: readonly RegulariserPoint[];
}

/** @throws {UsageError} if a value is not positive, or nothing is there to choose from. */
export async function selectRegulariser(spectrum: Spectrum, criterion: Criterion): Promise<Regulariser> {
  if (criterion.kind === "fixed") {
    requirePositive(criterion.value);
    return { regulariser: criterion.value, outcome: "given", curve: [] };
  }
  return criterion.kind === "evidence" ? byEvidence(spectrum, criterion) : byMetric(criterion);
}

function requirePositive(value: number): void {
  if (value > 0 && Number.isFinite(value)) return;
  throw new UsageError("Cannot regularise with this value as it is not a positive number", { found: value });
}

/** Steps of the curve: δ·3^k for these k. */
const neighbours = [-3, -2, -1, 0, 1, 2, 3];

function byEvidence(
  spectrum: Spectrum,
  { relativeTolerance = 1e-10, maxIterations = 100 }: Extract<Criterion, { kind: "evidence" }>,
): Regulariser {
  const { eigenvalues, squaredNorm, rows, temperature } = spectrum;
  const largest = eigenvalues.reduce((most, x) => Math.max(most, x), 0);
  if (!(largest > 0) || !(squaredNorm > 0)) {
    throw new UsageError("Cannot choose a regulariser by evidence as the curvature or the parameters are zero", {
      found: `largest eigenvalue ${largest}, squared norm ${squaredNorm}`,
      try: "give a regulariser yourself",
    });
  }
  const target = temperature / (rows * squaredNorm);
  let delta = (0.1 * eigenvalues.reduce((sum, x) => sum + Math.max(x, 0), 0)) / eigenvalues.length;
  for (let i = 0; i < maxIterations; i++) {
    const [gamma, fall] = countAndFall(eigenvalues, delta);
    // Newton for h(log δ) = log(cγ/(N‖θ‖²)) − log δ, whose slope lies in [−2, −1]: one root, found in a few steps.
    const step = Math.log((target * gamma) / delta) / (1 + fall / gamma);
    delta *= Math.exp(step);
    if (Math.abs(step) <= relativeTolerance) return evidenceResult(spectrum, delta, "converged");
  }
  return evidenceResult(spectrum, delta, "iteration limit");
}

/** γ = Σ λ/(λ + δ) and −dγ/d log δ = Σ λδ/(λ + δ)². */
function countAndFall(eigenvalues: Float64Array, delta: number): [gamma: number, fall: number] {
  let [gamma, fall] = [0, 0];
  for (const x of eigenvalues) {
    if (x <= 0) continue;
    const share = x / (x + delta);
    gamma += share;
    fall += share * (1 - share);
  }
  return [gamma, fall];
}

function evidenceResult(spectrum: Spectrum, delta: number, outcome: Regulariser["outcome"]): Regulariser {
  const curve = neighbours.map((k) => {
    const regulariser = delta * 3 ** k;
    return { regulariser, value: logEvidence(spectrum, regulariser) };
  });
  return { regulariser: delta, outcome, effectiveParameters: effectiveParameters(spectrum.eigenvalues, delta), curve };
}

/** γ = Σ λ/(λ + δ) */
export function effectiveParameters(eigenvalues: Float64Array, delta: number): number {
  return countAndFall(eigenvalues, delta)[0];
}

/** ½ Σ log(δ/(λ + δ)) − Nδ‖θ‖²/(2c): what of the log evidence depends on δ. */
export function logEvidence({ eigenvalues, squaredNorm, rows, temperature }: Spectrum, delta: number): number {
  const volume = eigenvalues.reduce((sum, x) => sum + Math.log(delta / (Math.max(x, 0) + delta)), 0);
  return 0.5 * volume - (rows * delta * squaredNorm) / (2 * temperature);
}

async function byMetric({ grid, metric }: Extract<Criterion, { kind: "heldOut" }>): Promise<Regulariser> {
  if (grid.length === 0) throw new UsageError("Cannot choose a regulariser as the grid is empty");
  const curve: RegulariserPoint[] = [];
  for (const regulariser of [...grid].sort((a, b) => a - b)) {
    requirePositive(regulariser);
    curve.push({ regulariser, value: await metric(regulariser) });
  }
  const best = curve.reduce((a, b) => (b.value > a.value ? b : a));
  const inside = best !== curve[0] && best !== curve.at(-1);
  return { regulariser: best.regulariser, outcome: inside ? "converged" : "at the end of the grid", curve };
}
