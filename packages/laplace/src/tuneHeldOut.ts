/**
 * Chooses prior precisions, noise and temperature by the density of held-out rows.
 *
 *     min over log δ_g, log σ, log T of  −1/N Σ_n log p(y_n | x_n),   Σ⁻¹ = H/(σ² T) + D
 *
 * The temperature is tuned here and not by the evidence, which has no maximum in it: its derivative is s unit L + γ/2 > 0.
 * Golden sections along one logarithm after the other, in windows that halve; every evaluation is one posterior and one pass.
 */
import { type Dataset, type Problem, UsageError } from "@hessonite/core";
import { type Changes, type Laplace, withHyperparameters } from "./fit.ts";
import { onData, outputsOn } from "./functionalVariance.ts";
import { mean } from "./metrics/classification.ts";
import { type DensityOptions, predictiveNlls } from "./metrics/predictiveDensity.ts";
import type { PriorKind } from "./prior.ts";
import { targetsOf } from "./targets.ts";

export interface HeldOutOptions extends DensityOptions {
  /** Which weights share a precision: scalar or layerwise; scalar unless said. */
  readonly kind?: Exclude<PriorKind, "diagonal">;
  /** Whether σ is tuned too; true for a likelihood that has one, unless said. */
  readonly noise?: boolean;
  /** Whether T is tuned too; true unless said. */
  readonly temperature?: boolean;
  /** Rounds over all logarithms; 5 unless said. */
  readonly rounds?: number;
  readonly signal?: AbortSignal;
}

export interface HeldOutTuned {
  readonly fit: Laplace;
  /** Mean over the held-out rows: of the tuned fit, of the one given, and of the model itself. */
  readonly nll: number;
  readonly startNll: number;
  readonly mapNll: number;
  readonly evaluations: number;
}

/** Half the first window, in decades. */
const firstWindow = 2;
/** Evaluations of a golden section: the window shrinks to 0.618⁷ of itself. */
const sectionSteps = 7;
/** Fewer held-out rows than these tune nothing but their own noise. */
export const fewestHeldOut = 30;

/**
 * @param data Held-out rows, which no report is made on.
 * @throws {UsageError} if they are too few, or the likelihood has no densities.
 */
export async function tuneByHeldOut(fit: Laplace, data: Dataset, options: HeldOutOptions = {}): Promise<HeldOutTuned> {
  const { kind = "scalar", noise = fit.likelihood.noisy, temperature = true, rounds = 5, signal } = options;
  const targets = await targetsOf(data);
  await using problem = await onData(fit, data, signal);
  if (problem.survey.rows < fewestHeldOut) {
    throw new UsageError("Cannot tune by held-out rows as they are too few", {
      at: data.name,
      expected: `${fewestHeldOut} or more`,
      found: problem.survey.rows,
      try: "tune by the evidence, which needs none",
    });
  }
  const { sizes } = fit.curvature.groups(kind);
  const point = startOf(fit, sizes.length, kind, { noise, temperature });
  const score = scorer(fit, problem, targets, kind, options);
  const [startNll, mapNll] = [await score.of(fit), await score.of(fit, "map")];
  let best = { at: point, nll: await score.at(point) };
  let window = firstWindow * Math.LN10;
  for (let round = 0; round < rounds; round++, window /= 2) {
    for (const key of point.keys()) {
      signal?.throwIfAborted();
      best = await section(best, key, window, score.at);
    }
  }
  const tuned = await withHyperparameters(fit, changesOf(best.at, kind));
  // Never worse than what was given: the search is local, and the start may lie in another valley.
  const kept = best.nll <= startNll ? { fit: tuned, nll: best.nll } : { fit, nll: startNll };
  return { ...kept, startNll, mapNll, evaluations: score.count() };
}

/** Logarithms by name: "noise", "temperature", and the groups' numbers. */
type Point = ReadonlyMap<string, number>;

function startOf(
  { prior, noise, temperature }: Laplace,
  groups: number,
  kind: PriorKind,
  tuned: { readonly noise: boolean; readonly temperature: boolean },
): Point {
  const logs = Array.from(prior.precision, Math.log);
  const middle = logs.reduce((sum, x) => sum + x, 0) / logs.length;
  const start = (g: number): number => (prior.groups.kind === kind ? logs[g]! : middle);
  return new Map([
    ...Array.from({ length: groups }, (_, g): [string, number] => [String(g), start(g)]),
    ...(tuned.noise ? [["noise", Math.log(noise)] as const] : []),
    ...(tuned.temperature ? [["temperature", Math.log(temperature)] as const] : []),
  ]);
}

function changesOf(at: Point, kind: PriorKind): Changes {
  const prior = [...at].filter(([key]) => /^\d+$/.test(key)).map(([, log]) => Math.exp(log));
  const [noise, temperature] = [at.get("noise"), at.get("temperature")];
  return {
    kind,
    prior,
    ...(noise === undefined ? {} : { noise: Math.exp(noise) }),
    ...(temperature === undefined ? {} : { temperature: Math.exp(temperature) }),
  };
}

interface Scorer {
  of(fit: Laplace, link?: "map"): Promise<number>;
  at(point: Point): Promise<number>;
  count(): number;
}

function scorer(
  fit: Laplace,
  problem: Problem,
  targets: Float64Array,
  kind: PriorKind,
  options: HeldOutOptions,
): Scorer {
  let count = 0;
  const of: Scorer["of"] = async (one, link) => {
    count++;
    const outputs = await outputsOn(one, problem, options.signal);
    return mean(predictiveNlls(one, outputs, targets, link ? { ...options, link } : options));
  };
  return { of, at: async (point) => of(await withHyperparameters(fit, changesOf(point, kind))), count: () => count };
}

interface Best {
  readonly at: Point;
  readonly nll: number;
}

/** The best of a golden section over one logarithm around where it is, and where it is. */
async function section(best: Best, key: string, window: number, score: (at: Point) => Promise<number>): Promise<Best> {
  const shrink = (Math.sqrt(5) - 1) / 2;
  const tried = async (value: number): Promise<Best> => {
    const at = new Map(best.at).set(key, value);
    return { at, nll: await score(at) };
  };
  const value = (one: Best): number => one.at.get(key)!;
  let [low, high] = [value(best) - window, value(best) + window];
  let [a, b] = [await tried(high - shrink * (high - low)), await tried(low + shrink * (high - low))];
  for (let step = 2; step < sectionSteps; step++) {
    if (a.nll < b.nll) {
      high = value(b);
      [a, b] = [await tried(high - shrink * (high - low)), a];
    } else {
      low = value(a);
      [a, b] = [b, await tried(low + shrink * (high - low))];
    }
  }
  const found = a.nll < b.nll ? a : b;
  return found.nll < best.nll ? found : best;
}
