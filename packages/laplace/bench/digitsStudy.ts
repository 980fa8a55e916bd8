/**
 * What the Laplace approximation does to a well-calibrated network: five digit classifiers, every way to probabilities, and
 * how well uncertainty tells noise and permuted digits from digits.
 *
 * 1,200 rows train; the other 597 are halved: one half chooses (the temperature, the prior, whether to use a posterior at all),
 * the other reports, and then the other way round. A figure is the mean over five seeds and both halves.
 */
import { type Dataset, datasetFromArrays, datasetFromFile, type Engine, randomStream, slice } from "@hessonite/core";
import { chooseByHeldOut } from "../src/choose.ts";
import { type FitOptions, fitLaplace, type Laplace } from "../src/fit.ts";
import { functionalVariance, type Outputs } from "../src/functionalVariance.ts";
import { categorical } from "../src/likelihood/categorical.ts";
import {
  accuracyOf,
  brierScore,
  calibrationError,
  entropies,
  mean,
  negativeLogLikelihoods,
} from "../src/metrics/classification.ts";
import { auroc } from "../src/metrics/detection.ts";
import { classProbabilities, type Link } from "../src/predictive/link.ts";
import { scaled } from "../src/predictive/temperature.ts";
import { targetsOf } from "../src/targets.ts";
import { tuneByEvidence } from "../src/tune.ts";

const folder = new URL("../testdata/digits/", import.meta.url).pathname;

export interface StudyRow {
  readonly name: string;
  readonly nll: number;
  readonly ece: number;
  readonly brier: number;
  readonly accuracy: number;
  /** Of the entropy, against uniform noise and against digits with their pixels permuted; NaN where not asked. */
  readonly noise: number;
  readonly permuted: number;
}

const posteriors: Readonly<Record<string, Partial<FitOptions>>> = {
  "last layer, full": { structure: "full", weights: "last-layer" },
  "last layer, Kronecker": { structure: "kronecker", weights: "last-layer", bias: "separate" },
  "all layers, Kronecker": { structure: "kronecker" },
};

/** The mean row of every way, in a fixed order; `auto` says how often a posterior was chosen over the model. */
export async function digitsStudy(
  engine: Engine,
  seeds = 5,
): Promise<{ readonly rows: readonly StudyRow[]; readonly chosen: number }> {
  const all: StudyRow[][] = [];
  let chosen = 0;
  const digits = (start: number, end: number) =>
    datasetFromFile(`${folder}digits.npz`, {
      modelInputs: [{ name: "x" }],
      scale: 1 / 16,
      batchSize: 300,
      rows: { start, end },
    });
  const [train, heldOut] = [await digits(0, 1200), await digits(1200, 1797)];
  const others = await strangers(heldOut);
  for (let seed = 0; seed < seeds; seed++) {
    const fits: Record<string, Laplace> = {};
    const base = {
      model: `${folder}mlp-${seed}.onnx`,
      data: train,
      likelihood: categorical(),
      structure: "full" as const,
      engine,
    };
    for (const [name, options] of Object.entries(posteriors)) {
      fits[name] = (await tuneByEvidence(await fitLaplace({ ...base, ...options }))).fit;
    }
    const halves = [slice(heldOut, 0, 299), slice(heldOut, 299, 597)] as const;
    for (const [select, report] of [halves, halves.toReversed()] as [Dataset, Dataset][]) {
      const { rows, posterior } = await oneHalf(fits, select, report, others);
      all.push(rows);
      chosen += Number(posterior);
    }
    for (const fit of Object.values(fits)) await fit[Symbol.asyncDispose]();
  }
  return { rows: all[0]!.map((_, i) => meanRow(all.map((rows) => rows[i]!))), chosen };
}

interface Others {
  readonly noise: Dataset;
  readonly permuted: Dataset;
}

async function strangers(digits: Dataset): Promise<Others> {
  const stream = randomStream(1, "rows of another kind");
  const rows = 597;
  const input = (data: Float32Array): Dataset =>
    datasetFromArrays({ inputs: { x: { dtype: "float32", shape: [rows, 64], data } } }, { batchSize: 300 });
  const noise = input(Float32Array.from({ length: rows * 64 }, () => stream.uniform()));
  const order = stream.permutation(64);
  const pixels: number[] = [];
  for await (const { inputs } of digits.batches()) pixels.push(...(inputs["x"]!.data as Float32Array));
  const permuted = input(Float32Array.from(pixels, (_, i) => pixels[i - (i % 64) + order[i % 64]!]!));
  return { noise, permuted };
}

async function oneHalf(
  fits: Readonly<Record<string, Laplace>>,
  select: Dataset,
  report: Dataset,
  others: Others,
): Promise<{ readonly rows: StudyRow[]; readonly posterior: boolean }> {
  const labels = await targetsOf(report);
  const choice = await chooseByHeldOut(fits, select);
  const best = choice.scored[0]!;
  const on = async (fit: Laplace): Promise<readonly [Outputs, Outputs, Outputs]> => [
    await functionalVariance(fit, report),
    await functionalVariance(fit, others.noise),
    await functionalVariance(fit, others.permuted),
  ];
  const row = (
    name: string,
    probabilities: (at: Outputs) => Float64Array,
    at: readonly [Outputs, Outputs, Outputs],
  ): StudyRow => {
    const [usual, noise, permuted] = at;
    const p = probabilities(usual);
    const entropy = (outputs: Outputs): Float64Array => entropies(probabilities(outputs), outputs.rows);
    return {
      name,
      nll: mean(negativeLogLikelihoods(p, labels)),
      ece: calibrationError(p, labels),
      brier: brierScore(p, labels),
      accuracy: accuracyOf(p, labels),
      noise: auroc(entropy(usual), entropy(noise)),
      permuted: auroc(entropy(usual), entropy(permuted)),
    };
  };
  const by = (link: Link) => (at: Outputs) => classProbabilities(at, link);
  const found: Record<string, readonly [Outputs, Outputs, Outputs]> = {};
  for (const [name, fit] of Object.entries(fits)) found[name] = await on(fit);
  const any = Object.values(found)[0]!;
  const least = await on(best.fit);
  const auto: [Link, readonly [Outputs, Outputs, Outputs]] = choice.chosen ? [best.link, least] : ["map", any];
  return {
    posterior: choice.chosen !== undefined,
    rows: [
      row("the model (MAP)", by("map"), any),
      row("temperature scaling", (at) => scaled(at.mean, at.rows, choice.temperature), any),
      ...Object.entries(found).flatMap(([name, at]) => [
        row(`${name}, evidence, probit`, by("probit"), at),
        row(`${name}, evidence, Monte Carlo`, by("monte-carlo"), at),
      ]),
      row("least held-out NLL, no margin", by(best.link), least),
      row("auto", by(auto[0]), auto[1]),
    ],
  };
}

function meanRow(rows: readonly StudyRow[]): StudyRow {
  const of = (key: Exclude<keyof StudyRow, "name">): number => mean(rows.map((row) => row[key]));
  return {
    name: rows[0]!.name,
    nll: of("nll"),
    ece: of("ece"),
    brier: of("brier"),
    accuracy: of("accuracy"),
    noise: of("noise"),
    permuted: of("permuted"),
  };
}
