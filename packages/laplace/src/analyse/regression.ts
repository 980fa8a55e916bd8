/**
 * The table for regression: held-out likelihood with and without the weights' uncertainty.
 *
 * The evidence chooses the noise from training rows, and where the weights are many more than those it takes residuals that were
 * trained away for noise, or noise for residuals. So a noise from held-out rows is a row of its own, as temperature scaling is
 * for classes, and what is deployed is the posterior whose prior and noise were tuned on held-out rows, where there are enough.
 */
import type { Dataset } from "@hessonite/core";
import type { Laplace } from "../fit.ts";
import { functionalVariance, type Outputs } from "../functionalVariance.ts";
import { mean } from "../metrics/classification.ts";
import { gaussianNegativeLogLikelihoods, rootMeanSquare } from "../metrics/gaussian.ts";
import { bootstrapInterval, paired } from "../metrics/paired.ts";
import { targetsOf } from "../targets.ts";
import { fewestHeldOut, tuneByHeldOut } from "../tuneHeldOut.ts";

export interface RegressionRow {
  readonly name: string;
  readonly nll: number;
  readonly nllInterval: readonly [number, number];
  readonly rmse: number;
  readonly rmseInterval: readonly [number, number];
}

export interface RegressionReport {
  readonly rows: readonly RegressionRow[];
  /** The fit to deploy: at held-out hyperparameters, or the one given where the rows to choose by are too few. */
  readonly chosen: Laplace;
  readonly verdict: string;
}

export interface RegressionData {
  /** Rows to tune by. */
  readonly select: Dataset;
  /** Other rows, to report on. */
  readonly report: Dataset;
}

export interface RegressionOptions {
  /** Prior and noise were given and are not tuned here. */
  readonly given?: boolean;
  readonly signal?: AbortSignal;
}

/** @param fit At the prior and the noise of the evidence, or as given. */
export async function regressionReport(
  fit: Laplace,
  { select, report }: RegressionData,
  { given = false, signal }: RegressionOptions = {},
): Promise<RegressionReport> {
  const targets = await targetsOf(report);
  const outputs = await functionalVariance(fit, report, signal);
  const nllsOf = (at: Outputs, noise: number, uncertain: boolean): Float64Array =>
    gaussianNegativeLogLikelihoods(at, targets, { noise, uncertain });
  const name = fit.curvature.structure;
  const own = await onSelected(fit, select, given, signal);
  const entries: [string, Float64Array][] = [
    ["the model, noise of the training rows", nllsOf(outputs, trainingNoise(fit), false)],
    ["the model, noise of held-out rows", nllsOf(outputs, own.noise, false)],
    [`${name}, ${given ? "as given" : "evidence"}`, nllsOf(outputs, fit.noise, true)],
  ];
  if (own.tuned) {
    const at = await functionalVariance(own.tuned, report, signal);
    entries.push([`${name}, held-out rows`, nllsOf(at, own.tuned.noise, true)]);
  }
  const [, [, baseline], ...others] = entries as [[string, Float64Array], [string, Float64Array]];
  const best = (others as [string, Float64Array][]).at(-1)!;
  return {
    rows: entries.map(([title, nlls]) => rowOf(title, nlls, outputs, targets)),
    chosen: own.tuned ?? fit,
    verdict: verdictOf(best, baseline, given || own.tuned !== undefined),
  };
}

interface Selected {
  /** Root mean square of the residuals. */
  readonly noise: number;
  readonly tuned?: Laplace;
}

async function onSelected(
  fit: Laplace,
  select: Dataset,
  given: boolean,
  signal: AbortSignal | undefined,
): Promise<Selected> {
  const outputs = await functionalVariance(fit, select, signal);
  const noise = Math.max(rootMeanSquare(outputs.mean, await targetsOf(select)), Number.MIN_VALUE);
  if (given || outputs.rows < fewestHeldOut) return { noise };
  const options = { temperature: false, ...(signal ? { signal } : {}) };
  return { noise, tuned: (await tuneByHeldOut(fit, select, options)).fit };
}

/** σ with which the training rows are most likely under the model alone. */
const trainingNoise = ({ likelihood, loss, entries }: Laplace): number =>
  Math.sqrt(Math.max((2 * likelihood.unit * loss) / entries, Number.MIN_VALUE));

function rowOf(
  name: string,
  nlls: Float64Array,
  { mean: found, outputs: c }: Outputs,
  targets: Float64Array,
): RegressionRow {
  const squares = Float64Array.from(nlls, (_, row) => {
    let sum = 0;
    for (let i = row * c; i < (row + 1) * c; i++) sum += (found[i]! - targets[i]!) ** 2 / c;
    return sum;
  });
  const over = (values: Float64Array, rows: Int32Array): number => mean(Float64Array.from(rows, (i) => values[i]!));
  return {
    name,
    nll: mean(nlls),
    nllInterval: bootstrapInterval(nlls.length, (rows) => over(nlls, rows)),
    rmse: rootMeanSquare(found, targets),
    rmseInterval: bootstrapInterval(nlls.length, (rows) => Math.sqrt(over(squares, rows))),
  };
}

function verdictOf([name, nlls]: readonly [string, Float64Array], baseline: Float64Array, tuned: boolean): string {
  const { difference, standardError } = paired(nlls, baseline);
  const digits = (x: number): string => x.toPrecision(3);
  const found = difference < 0 ? "lower" : "higher";
  const figures = `With the weights' uncertainty (${name}) the held-out negative log-likelihood is ${digits(mean(nlls))} where one noise for all rows gives ${digits(mean(baseline))}: ${found} by ${digits(Math.abs(difference))} ± ${digits(standardError)} nats a row.`;
  return tuned
    ? figures
    : `${figures} There were too few held-out rows to tune by (${fewestHeldOut} at least): prior and noise are the evidence's.`;
}
