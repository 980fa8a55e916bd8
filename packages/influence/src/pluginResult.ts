/** What the plugin's schema calls its result. */
import type { z } from "zod";
import type { BlockDamping } from "./damping.ts";
import { averageScores } from "./evaluation/combine.ts";
import type { Context } from "./keepers.ts";
import type { OneModel } from "./oneModel.ts";
import type { Strategy } from "./options.ts";
import type { blockSchema, influenceResult } from "./pluginSchemas.ts";
import type { Gathered } from "./scoreSinks.ts";

type Result = z.input<typeof influenceResult>;

export function resultOf(
  context: Context,
  models: readonly OneModel[],
  found: Gathered | undefined,
  scoring: number,
): Result {
  const { options, specs } = context;
  const [first] = models as [OneModel, ...OneModel[]];
  const { pairwise, self, curvature, train } = first;
  const { collected, top, sources } = found ?? {};
  const damping = (pairwise ?? self)!.damping;
  return {
    rows: train.survey.rows,
    queries: pairwise?.queries ?? 0,
    positions: found?.positions ?? 1,
    scores: [...(collected?.scores ?? [])],
    standardErrors: [...(collected?.standardErrors ?? [])],
    ...(found?.scoresFile && { scoresFile: found.scoresFile }),
    ...(top && { top: top.map(({ helpful, harmful }) => ({ helpful: [...helpful], harmful: [...harmful] })) }),
    ...(sources && { sources: { names: [...sources.sources], scores: sources.scores } }),
    ...(self && { self: averageScores(models.map((model) => model.self!.scores)).mean }),
    ...(options.detail === "module" && { modules: curvature.blocks.map(({ shape }) => shape.name) }),
    units: unitsOf(context),
    measurement: measurementName(context),
    strategy: specs.curvature.kind,
    checkpoints: models.length,
    damping: damping.blocks.map(plainDamping),
    ...(pairwise?.solve && { solve: { ...pairwise.solve } }),
    notes: [...new Set(models.flatMap(notesOf))],
    seconds: totals(models, found ? { scores: scoring } : {}),
  };
}

/** Of a run that fitted a part and kept it: no scores yet. */
export function shardResult(context: Context, rows: number, checkpoints: number): Result {
  const { index, of, stage } = context.options.shard!;
  return {
    rows,
    queries: 0,
    positions: 1,
    scores: [],
    standardErrors: [],
    units: unitsOf(context),
    measurement: measurementName(context),
    strategy: context.specs.curvature.kind,
    checkpoints,
    damping: [],
    notes: [`${stage} of shard ${index} of ${of} are kept`],
    seconds: {},
  };
}

function unitsOf({ options }: Context): Result["units"] {
  if (options.raw) return "raw";
  return `change of the query's ${options.measurement === undefined ? "loss" : "measurement"} when the row is removed`;
}

function measurementName({ options: { measurement } }: Context): string {
  if (measurement === undefined) return "loss";
  if (typeof measurement === "string") return measurement;
  return "graph" in measurement ? measurement.graph : measurement.name;
}

function notesOf({ curvature, pairwise, self }: OneModel): string[] {
  return [...curvature.notes, ...((pairwise ?? self)?.damping.notes ?? []), ...exactNote(curvature.strategy)];
}

function exactNote(strategy: Strategy): string[] {
  if (strategy !== "ggn" && strategy !== "block-ggn") return [];
  return [
    "the residual measures how well the systems were solved, not the attribution: an exact matrix can attribute worse than EK-FAC",
  ];
}

function plainDamping({ name, damping, evidence }: BlockDamping): z.input<typeof blockSchema> {
  if (!evidence) return { name, damping };
  const { regulariser, outcome, effectiveParameters, curve } = evidence;
  return {
    name,
    damping,
    evidence: {
      regulariser,
      outcome,
      ...(effectiveParameters !== undefined && { effectiveParameters }),
      curve: [...curve],
    },
  };
}

/** Seconds by stage, of all models together. */
function totals(models: readonly OneModel[], more: Record<string, number>): Record<string, number> {
  const sums: Record<string, number> = { ...more };
  for (const { seconds, curvature } of models) {
    for (const [stage, time] of Object.entries({ ...curvature.seconds, ...seconds })) {
      sums[stage] = (sums[stage] ?? 0) + time;
    }
  }
  return sums;
}
