/**
 * A model pruned by one method or several, to a sparsity or to the largest drop that is accepted.
 */
import { UsageError } from "@hessonite/core";
import { type Pattern, patternName } from "../layerwise/pattern.ts";
import type { Refinement } from "../layerwise/refinedRows.ts";
import { type FineTuneOptions, fineTune, functionRefit, improveInTurn } from "./improve.ts";
import { layerPath } from "./layerPath.ts";
import { type Compensation, type MethodName, type MethodParts, methods } from "./method.ts";
import { networkPath, type PathPoint } from "./path.ts";
import { type Prunable, prunableLayers } from "./prunable.ts";
import { levelsUpTo, type ScheduleName, scheduledLevels, searchLevels } from "./schedule.ts";
import { sequentialFit } from "./sequentialFit.ts";
import type { Job, Measured } from "./setting.ts";

export interface PruneOptions {
  readonly method: MethodName;
  /** Elements unless said. */
  readonly pattern?: Pattern;
  /** Share of the prunable weights; with n:m the pattern says it. Without it, `maxDrop` decides. */
  readonly sparsity?: number;
  /** Sparsities to look at, ascending; up to `sparsity` or by a grid unless given. */
  readonly levels?: readonly number[] | undefined;
  /** The largest drop accepted: of accuracy as a share (0.005 is half a point), else of the loss relative to the dense loss. */
  readonly maxDrop?: number;
  /** How often the curvature is measured; once unless said. */
  readonly shots?: number;
  readonly schedule?: ScheduleName;
  readonly compensation?: Compensation;
  /** function: match the dense model's outputs on the calibration rows once the mask stands. */
  readonly refit?: "none" | "function";
  /** Linearisations of each refit; 3 unless said. */
  readonly refitSteps?: number;
  readonly fineTune?: FineTuneOptions;
  readonly refinement?: Refinement;
  /** λ relative to the mean curvature; by held-out loss unless given. */
  readonly lambda?: number;
  readonly blockSize?: number;
  readonly rounds?: number;
  /** Rows that one curvature is measured on. */
  readonly curvatureRows?: number;
  readonly sequential?: boolean;
  readonly signal?: AbortSignal;
  readonly onPoint?: (point: PathPoint) => void;
}

export interface PrunedModel {
  readonly method: MethodName;
  readonly prunable: Prunable;
  readonly dense: Measured;
  /** Every level that was looked at, ascending. */
  readonly points: readonly PathPoint[];
  /** The level to use; undefined where every level drops too much. */
  readonly chosen: PathPoint | undefined;
  /** Null where no drop was given. */
  readonly met: boolean | null;
}

/** How far a point is below the dense model, in the measure that drops are given in. */
export function dropOf(dense: Measured, { loss, accuracy }: Measured): number {
  return dense.accuracy !== undefined && accuracy !== undefined ? dense.accuracy - accuracy : loss / dense.loss - 1;
}

/** @throws {UsageError} for what is wrong with the model, the data or the options, before anything long. */
export async function pruneModel(job: Job, options: PruneOptions): Promise<PrunedModel> {
  const { method, pattern = { kind: "element" } as Pattern, maxDrop } = options;
  const prunable = prunableLayers(job.problem, pattern);
  requireLayers(prunable, pattern);
  const dense = await job.judge.measure(job.origin);
  const points = await pathOf(job, prunable, { ...options, pattern }, levelsFor(options, pattern));
  const accepted =
    maxDrop === undefined ? points : points.filter(({ measured }) => dropOf(dense, measured) <= maxDrop + 1e-12);
  const chosen = accepted.at(-1);
  return { method, prunable, dense, points, chosen, met: maxDrop === undefined ? null : metBy(chosen, options) };
}

/** A drop is met by what was asked for, where a sparsity was, or by any point. */
function metBy(chosen: PathPoint | undefined, { sparsity }: PruneOptions): boolean {
  return chosen !== undefined && (sparsity === undefined || chosen.sparsity >= sparsity - 1e-3);
}

function requireLayers({ layers, skipped }: Prunable, pattern: Pattern): void {
  if (layers.length > 0) return;
  throw new UsageError(`Cannot prune by ${patternName(pattern)} as no layer can take it`, {
    found: skipped.map(({ name, why }) => `${name} (${why})`).join("; ") || "no weight matrices",
  });
}

function levelsFor({ levels, sparsity, shots = 1, schedule = "geometric" }: PruneOptions, pattern: Pattern): number[] {
  if (levels) return [...levels];
  if (pattern.kind === "n:m") return [1 - pattern.n / pattern.m];
  if (sparsity === undefined) return [...searchLevels];
  if (shots > 1) return scheduledLevels(sparsity, shots, schedule);
  return levelsUpTo(sparsity);
}

async function pathOf(
  job: Job,
  prunable: Prunable,
  options: PruneOptions & { readonly pattern: Pattern },
  levels: readonly number[],
): Promise<PathPoint[]> {
  const {
    pattern,
    shots = 1,
    lambda,
    blockSize,
    rounds,
    curvatureRows,
    refinement,
    sequential = false,
    signal,
    onPoint,
  } = options;
  const parts = partsOf(options);
  const improve = improveOf(job, options);
  const shared = {
    pattern,
    levels,
    ...(improve ? { improve } : {}),
    ...(signal ? { signal } : {}),
    ...(onPoint ? { onPoint } : {}),
  };
  if (parts.scope === "layer")
    return layerPath(job, prunable, parts, { ...shared, sequential, ...(refinement ? { refinement } : {}) });
  return networkPath(job, prunable, parts, {
    ...shared,
    renew: shots > 1,
    ...(lambda === undefined ? {} : { lambdas: [lambda] }),
    ...(blockSize ? { blockSize } : {}),
    ...(rounds ? { rounds } : {}),
    ...(curvatureRows ? { curvatureRows } : {}),
  });
}

function partsOf({ method, compensation }: PruneOptions): MethodParts {
  const parts: MethodParts = methods[method];
  return compensation && compensation !== "least-squares" ? { ...parts, compensation } : parts;
}

function improveOf(job: Job, { compensation, refit = "none", refitSteps, fineTune: tuning }: PruneOptions) {
  return improveInTurn([
    ...(compensation === "least-squares" ? [sequentialFit(job)] : []),
    ...(refit === "function" ? [functionRefit(job, refitSteps ? { steps: refitSteps } : {})] : []),
    ...(tuning ? [fineTune(job, tuning)] : []),
  ]);
}
