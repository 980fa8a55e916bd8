/** The table for classifiers: every way to probabilities on rows that nothing was chosen by. */
import type { Dataset } from "@hessonite/core";
import { type Choice, chooseByHeldOut } from "../choose.ts";
import type { Laplace } from "../fit.ts";
import { functionalVariance } from "../functionalVariance.ts";
import {
  accuracyOf,
  brierScore,
  calibrationError,
  entropies,
  mean,
  negativeLogLikelihoods,
  type ReliabilityBin,
  reliability,
} from "../metrics/classification.ts";
import { auroc, falsePositiveRate } from "../metrics/detection.ts";
import { bootstrapInterval } from "../metrics/paired.ts";
import { classProbabilities } from "../predictive/link.ts";
import type { MonteCarloOptions } from "../predictive/monteCarlo.ts";
import { scaled } from "../predictive/temperature.ts";
import { targetsOf } from "../targets.ts";

export interface ClassRow {
  readonly name: string;
  readonly nll: number;
  /** The middle 95 % over rows drawn again. */
  readonly nllInterval: readonly [number, number];
  readonly brier: number;
  readonly brierInterval: readonly [number, number];
  /** Expected calibration error. */
  readonly ece: number;
  readonly eceInterval: readonly [number, number];
  readonly accuracy: number;
  readonly accuracyInterval: readonly [number, number];
  /** Of the entropy, usual rows against rows of another kind; absent without such rows. */
  readonly auroc?: number;
  readonly fpr95?: number;
}

export interface ClassesReport {
  readonly choice: Choice;
  readonly rows: readonly ClassRow[];
  /** Of the model's own probabilities, and of those that are deployed. */
  readonly reliability: readonly { readonly name: string; readonly bins: readonly ReliabilityBin[] }[];
  /** Entropies of the Monte-Carlo predictive, for histograms. */
  readonly uncertainty: Apart;
  /** Probability of the predicted class by the Monte-Carlo predictive. */
  readonly confidence: Apart;
}

/** A score of held-out rows, and of rows of another kind. */
export interface Apart {
  readonly usual: Float64Array;
  readonly other: Float64Array | undefined;
}

export interface ClassesData {
  /** Rows to choose by. */
  readonly select: Dataset;
  /** Other rows, to report on. */
  readonly report: Dataset;
  /** Rows of another kind; targets are not looked at. */
  readonly other?: Dataset;
}

/** @param fit At the prior of the evidence. */
export async function classesReport(
  fit: Laplace,
  { select, report, other }: ClassesData,
  options: MonteCarloOptions & { readonly signal?: AbortSignal } = {},
): Promise<ClassesReport> {
  const { signal } = options;
  const name = fit.curvature.structure;
  const choice = await chooseByHeldOut({ [name]: fit }, select, signal ? { signal } : {});
  const labels = await targetsOf(report);
  const usual = await functionalVariance(fit, report, signal);
  const strange = other && (await functionalVariance(fit, other, signal));
  const drawn = classProbabilities(usual, "monte-carlo", options);
  const entries: [string, Float64Array, Float64Array | undefined][] = [
    ["the model", classProbabilities(usual, "map"), strange && classProbabilities(strange, "map")],
    [
      `temperature ${choice.temperature.toPrecision(3)}`,
      scaled(usual.mean, usual.rows, choice.temperature),
      strange && scaled(strange.mean, strange.rows, choice.temperature),
    ],
    [
      `${name}, evidence, probit`,
      classProbabilities(usual, "probit"),
      strange && classProbabilities(strange, "probit"),
    ],
    [`${name}, evidence, Monte Carlo`, drawn, strange && classProbabilities(strange, "monte-carlo", options)],
  ];
  const { chosen } = choice;
  if (chosen) {
    const own = classProbabilities(await functionalVariance(chosen.fit, report, signal), chosen.link, options);
    const far = other && classProbabilities(await functionalVariance(chosen.fit, other, signal), chosen.link, options);
    entries.push([`chosen: ${chosen.name}`, own, far]);
  }
  const deployed = chosen ? entries.at(-1)! : entries[0]!;
  return {
    choice,
    rows: entries.map(([title, p, q]) => classRow(title, p, labels, q, strange?.rows ?? 0)),
    reliability: [
      { name: "the model", bins: reliability(entries[0]![1], labels) },
      { name: `deployed (${deployed[0]})`, bins: reliability(deployed[1], labels) },
    ],
    uncertainty: {
      usual: entropies(drawn, usual.rows),
      other: strange && entropies(entries[3]![2]!, strange.rows),
    },
    confidence: {
      usual: confidences(drawn, usual.rows),
      other: strange && confidences(entries[3]![2]!, strange.rows),
    },
  };
}

function classRow(
  name: string,
  p: Float64Array,
  labels: Float64Array,
  other: Float64Array | undefined,
  otherRows: number,
): ClassRow {
  const classes = p.length / labels.length;
  const strange = other && entropies(other, otherRows);
  /** Of these rows alone. */
  const part = (rows: Int32Array): readonly [Float64Array, Float64Array] => {
    const own = new Float64Array(rows.length * classes);
    rows.forEach((row, i) => own.set(p.subarray(row * classes, (row + 1) * classes), i * classes));
    return [own, Float64Array.from(rows, (row) => labels[row]!)];
  };
  const interval = (of: (p: Float64Array, labels: Float64Array) => number): readonly [number, number] =>
    bootstrapInterval(labels.length, (rows) => of(...part(rows)), { draws: bootstrapDraws });
  const nllOf = (own: Float64Array, truth: Float64Array): number => mean(negativeLogLikelihoods(own, truth));
  return {
    name,
    nll: nllOf(p, labels),
    nllInterval: interval(nllOf),
    brier: brierScore(p, labels),
    brierInterval: interval(brierScore),
    ece: calibrationError(p, labels),
    eceInterval: interval(calibrationError),
    accuracy: accuracyOf(p, labels),
    accuracyInterval: interval(accuracyOf),
    ...(strange
      ? {
          auroc: auroc(entropies(p, labels.length), strange),
          fpr95: falsePositiveRate(entropies(p, labels.length), strange),
        }
      : {}),
  };
}

/** Samples of rows behind each interval. */
const bootstrapDraws = 300;

/** The largest probability of each row. */
function confidences(p: Float64Array, rows: number): Float64Array {
  const classes = p.length / rows;
  return Float64Array.from({ length: rows }, (_, row) =>
    p.subarray(row * classes, (row + 1) * classes).reduce((most, x) => Math.max(most, x), 0),
  );
}
