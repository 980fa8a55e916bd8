/**
 * Which probabilities to deploy: the model's own, unless a posterior's are better on rows that neither was trained on.
 *
 * A posterior replaces the model's probabilities only if its held-out negative log-likelihood is lower by more than one
 * standard error of the paired difference, on rows that it was not picked by: the best on the even rows is judged on the odd
 * ones, and the other way round. The least of many is lower by luck alone: without this the choice does harm.
 */
import type { Dataset } from "@hessonite/core";
import { type Laplace, withHyperparameters } from "./fit.ts";
import { type Outputs, onData, outputsOn } from "./functionalVariance.ts";
import type { Likelihood } from "./likelihood/likelihood.ts";
import { mean } from "./metrics/classification.ts";
import { type Paired, paired } from "./metrics/paired.ts";
import { predictiveNlls } from "./metrics/predictiveDensity.ts";
import type { Link } from "./predictive/link.ts";
import { bestTemperature } from "./predictive/temperature.ts";
import { targetsOf } from "./targets.ts";

/** Fewer held-out rows than these tell nothing. */
export const fewestRows = 30;

/** A posterior and how its outputs become probabilities. */
export interface Candidate {
  readonly name: string;
  readonly fit: Laplace;
  readonly link: Link;
}

export interface Scored extends Candidate {
  /** Mean over the held-out rows. */
  readonly nll: number;
  /** NLL minus the model's own, row by row. */
  readonly against: Paired;
}

export interface Choice {
  /** Undefined: the model's own probabilities. */
  readonly chosen: Scored | undefined;
  /** All candidates, the best first. */
  readonly scored: readonly Scored[];
  /** NLL of what half of the rows picks minus the model's own, on the other half. */
  readonly gain: Paired;
  /** Of the model's own probabilities. */
  readonly mapNll: number;
  /** T of temperature scaling on the same rows, and its NLL there; 1 and the model's own where outputs are no logits. */
  readonly temperature: number;
  readonly temperatureNll: number;
  readonly rows: number;
  /** One sentence. */
  readonly verdict: string;
}

export interface ChooseOptions {
  /** Those of the likelihood unless said: for classes probit and Monte Carlo. */
  readonly links?: readonly Link[];
  /** Prior precisions tried for each fit beside its own; eleven from 10⁻² to 10³ unless said (none for a matrix-free one). */
  readonly precisions?: readonly number[];
  readonly signal?: AbortSignal;
}

/** Links that files can hold. */
const deployable: Readonly<Record<Likelihood["kind"], readonly Link[]>> = {
  classes: ["probit", "monte-carlo"],
  labels: ["probit"],
  regression: ["probit"],
  counts: ["monte-carlo"],
  spread: ["monte-carlo"],
  custom: [],
};

const defaultPrecisions = Array.from({ length: 11 }, (_, i) => 10 ** (-2 + i / 2));

/**
 * @param fits Posteriors over the same model, each at a prior of its own (the evidence's, say).
 * @param data Held-out rows: neither the model nor a posterior was fitted to them, and no report is made on them.
 *
 * Cost: for each prior one program run over the held-out rows.
 */
export async function chooseByHeldOut(
  fits: Readonly<Record<string, Laplace>>,
  data: Dataset,
  options: ChooseOptions = {},
): Promise<Choice> {
  const { links, signal } = options;
  const labels = await targetsOf(data);
  const tries: Tried[] = [];
  let first: { readonly outputs: Outputs; readonly fit: Laplace } | undefined;
  for (const [name, own] of Object.entries(fits)) {
    await using problem = await onData(own, data, signal);
    const at = (prior: number): Promise<Laplace> => withHyperparameters(own, { prior });
    const tried: [string, Laplace][] = [[`${name}, its own prior`, own]];
    // Where each row takes solving, the grid would take it a dozen times.
    const precisions = options.precisions ?? (own.posterior.timesCovariance ? [] : defaultPrecisions);
    for (const prior of precisions) tried.push([`${name}, prior ${Number(prior.toPrecision(3))}`, await at(prior)]);
    for (const [title, fit] of tried) {
      const outputs = await outputsOn(fit, problem, signal);
      first ??= { outputs, fit };
      const base = predictiveNlls(fit, outputs, labels, { link: "map" });
      for (const link of links ?? deployable[fit.likelihood.kind]) {
        const rows = predictiveNlls(fit, outputs, labels, { link });
        tries.push({ name: `${title}, ${link}`, fit, link, nll: mean(rows), against: paired(rows, base), rows, base });
      }
    }
  }
  return concluded(tries, first, labels);
}

/** A candidate with the NLL of each row, its own and the model's. */
interface Tried extends Scored {
  readonly rows: Float64Array;
  readonly base: Float64Array;
}

/** NLL against the model's on rows of one parity, of the candidate that is best on the other parity's. */
function crossFitted(tries: readonly Tried[]): Paired {
  const own: number[] = [];
  const base: number[] = [];
  for (const parity of [0, 1]) {
    const over = (rows: Float64Array, which: number): Float64Array => rows.filter((_, i) => i % 2 === which);
    const picked = tries.reduce((best, one) =>
      mean(over(one.rows, 1 - parity)) < mean(over(best.rows, 1 - parity)) ? one : best,
    );
    own.push(...over(picked.rows, parity));
    base.push(...over(picked.base, parity));
  }
  return paired(own, base);
}

function concluded(
  tries: readonly Tried[],
  own: { readonly outputs: Outputs; readonly fit: Laplace } | undefined,
  targets: Float64Array,
): Choice {
  const rows = own?.outputs.rows ?? 0;
  const nllAt = (t: number): number => (own ? mean(scaledNlls(own.fit, own.outputs, targets, t)) : Number.NaN);
  const logits = own !== undefined && ["classes", "labels"].includes(own.fit.likelihood.kind);
  const temperature = logits ? bestTemperature(nllAt) : 1;
  const [mapNll, temperatureNll] = [nllAt(1), nllAt(temperature)];
  const scored = tries.map(({ rows: _, base: __, ...one }): Scored => one).sort((a, b) => a.nll - b.nll);
  const [best] = scored;
  const gain = best ? crossFitted(tries) : { difference: 0, standardError: 0 };
  const better = best !== undefined && best.against.difference < 0 && -gain.difference > gain.standardError;
  const chosen = better && rows >= fewestRows ? best : undefined;
  const verdict = verdictOf({ chosen, best, gain, mapNll, rows });
  return { chosen, scored, gain, mapNll, temperature, temperatureNll, rows, verdict };
}

/** −log p of each row with the model's logits divided by T. */
export function scaledNlls(fit: Laplace, outputs: Outputs, targets: Float64Array, temperature: number): Float64Array {
  const at = { ...outputs, mean: outputs.mean.map((f) => f / temperature) };
  return predictiveNlls(fit, at, targets, { link: "map" });
}

interface Judgement {
  readonly chosen: Scored | undefined;
  readonly best: Scored | undefined;
  readonly gain: Paired;
  readonly mapNll: number;
  readonly rows: number;
}

function verdictOf({ chosen, best, gain, mapNll, rows }: Judgement): string {
  const digits = (x: number): string => x.toPrecision(3);
  if (rows < fewestRows) {
    return `Keep the model's probabilities: ${rows} held-out rows are too few to choose by (${fewestRows} at least).`;
  }
  if (!best) return "Keep the model's probabilities: there was no posterior to compare them with.";
  const { difference, standardError } = gain;
  const size = `${digits(Math.abs(difference))} ± ${digits(standardError)} nats a row`;
  const where = "on held-out rows that it was not picked by";
  if (chosen) {
    return `Use the posterior (${chosen.name}): ${where} its negative log-likelihood is lower than the model's ${digits(mapNll)} by ${size}.`;
  }
  const found =
    difference < 0
      ? `lower than the model's ${digits(mapNll)} by ${size} only, within one standard error`
      : `higher than the model's ${digits(mapNll)} by ${size}`;
  return `Keep the model's probabilities: ${where} the best posterior's negative log-likelihood is ${found}.`;
}
