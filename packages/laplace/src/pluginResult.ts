/** What the plugin found, as plain data. */
import type { z } from "zod";
import type { Band } from "./analyse/band.ts";
import type { Conformal } from "./analyse/conformal.ts";
import { choiceOf, type Judged } from "./analyse/judge.ts";
import { evidence } from "./evidence.ts";
import type { Laplace } from "./fit.ts";
import type { laplaceResult } from "./pluginSchema.ts";
import { priorConsistency, trainedPrior } from "./trainedPrior.ts";

type Result = z.input<typeof laplaceResult>;
export type Deployed = Result["deployed"];

export interface Found {
  /** What chose the hyperparameters. */
  readonly by: string;
  readonly curve: readonly { readonly precision: number; readonly total: number }[];
  readonly found: Judged | undefined;
  readonly conformal: Conformal | undefined;
  readonly band: Band | undefined;
  readonly deployed: Deployed;
  readonly saved: string | undefined;
}

export function resultOf(fit: Laplace, { by, curve, found = {}, conformal, band, deployed, saved }: Found): Result {
  const { logDeterminantError, total, logLikelihood, scatter, logDeterminantRatio, effectiveParameters } =
    evidence(fit);
  const trained = trainedPrior(fit);
  const { classes, regression, densities } = found;
  const rows = classes?.rows ?? regression?.rows ?? densities?.rows ?? [];
  return {
    likelihood: fit.likelihood.name,
    structure: fit.curvature.structure,
    weights: fit.problem.space.parameters.map(({ name }) => name),
    weightCount: fit.prior.groups.sizes.reduce((sum, n) => sum + n, 0),
    rows: fit.rows,
    prior: { kind: fit.prior.groups.kind, precision: [...fit.prior.precision] },
    noise: fit.likelihood.noisy ? fit.noise : null,
    temperature: fit.temperature,
    tunedBy: by,
    evidence: {
      total,
      logLikelihood,
      scatter,
      logDeterminantRatio,
      logDeterminantError: logDeterminantError ? { ...logDeterminantError } : null,
      effectiveParameters,
    },
    evidenceCurve: curve.map((point) => ({ ...point })),
    trainedPrior: { ...trained, sentence: priorConsistency(trained, geometricMean(fit.prior.precision)) },
    table: rows.map(mutable),
    reliability: (classes?.reliability ?? []).map(({ name, bins }) => ({
      name,
      bins: bins.map((bin) => ({ ...bin, confidence: finite(bin.confidence), accuracy: finite(bin.accuracy) })),
    })),
    uncertainty: classes ? listed(classes.uncertainty) : null,
    confidence: classes ? listed(classes.confidence) : null,
    band: band
      ? { input: band.input, points: band.points.map((p) => ({ ...p })), data: band.data.map(([x, y]) => [x, y]) }
      : null,
    conformal: conformal ? { ...conformal } : null,
    verdict:
      choiceOf(found)?.verdict ??
      regression?.verdict ??
      "Keep the model's probabilities: there were no held-out rows to choose by.",
    deployed,
    saved: saved ?? null,
    notes: ["variance is that of the outputs; uncertainty, not variance, tells inputs of another kind apart"],
  };
}

type Row = Result["table"][number];
/** A row of any table: intervals that may not be written to. */
type AnyRow = { readonly [Key in keyof Row]: Row[Key] extends infer Value ? Readonly<Value> : never };

function mutable(row: AnyRow): Row {
  const copied = Object.entries(row).map(([key, value]) => [key, Array.isArray(value) ? [...value] : value]);
  return Object.fromEntries(copied) as Row;
}

const finite = (x: number): number | null => (Number.isFinite(x) ? x : null);

const listed = ({ usual, other }: { readonly usual: Float64Array; readonly other: Float64Array | undefined }) => ({
  usual: [...usual],
  other: other ? [...other] : null,
});

function geometricMean(values: Float64Array): number {
  return Math.exp(values.reduce((sum, x) => sum + Math.log(x), 0) / values.length);
}
