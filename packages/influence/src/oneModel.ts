/** What the plugin does for one checkpoint: open, fit, score rows on themselves, prepare the queries. */
import type { LossSpec, modelRef, Problem } from "@hessonite/core";
import type { z } from "zod";
import type { Curvature } from "./curvature.ts";
import { fitShard } from "./fitParts.ts";
import { type Context, curvatureKeeper, fitKeeper, pairwiseKeepers, selfKeeper } from "./keepers.ts";
import { type MeasurementSpec, measurementOf } from "./measurement.ts";
import { type CurvatureOptions, type DampingChoice, type ScoreOptions, type Strategy, strategies } from "./options.ts";
import { type PairwiseOptions, type PairwiseRun, pairwiseRun } from "./pairwise.ts";
import { type SelfInfluence, selfInfluence } from "./selfInfluence.ts";
import { keptCurvature } from "./storedCurvature.ts";

type Model = z.output<typeof modelRef>;

export interface OneModel {
  readonly train: Problem;
  readonly curvature: Curvature;
  readonly pairwise?: PairwiseRun;
  readonly self?: SelfInfluence;
  readonly seconds: Record<string, number>;
}

/** A model's training problem, with what its curvature is asked for. */
interface Opened {
  readonly train: Problem;
  readonly fit: CurvatureOptions;
}

async function opened(context: Context, model: Model): Promise<Opened> {
  const { inputs, options, signal } = context;
  const train = await context.problem({ ...chosenPart(context, model), data: inputs.train, loss: options.loss });
  return { train, fit: { ...(await fitOptionsOf(context, train)), signal, onProgress: context.progress } };
}

function chosenPart({ options }: Context, model: Model): { model: Model; parameters?: string[]; output?: string } {
  const { parameters, output } = options;
  return { model, ...(parameters && { parameters }), ...(output !== undefined && { output }) };
}

/** Computes and keeps one shard's part of a sum of the fit; returns the number of training rows. */
export async function fitOneShard(context: Context, model: Model): Promise<number> {
  const { train, fit } = await opened(context, model);
  const keeper = await fitKeeper(context, model, fit);
  if (keeper) await fitShard(train, fit, keeper);
  return train.survey.rows;
}

export async function prepareModel(context: Context, model: Model): Promise<OneModel> {
  const { options, signal } = context;
  const seconds: Record<string, number> = {};
  const timed = async <T>(stage: string, work: () => Promise<T>): Promise<T> => {
    const start = performance.now();
    const result = await work();
    seconds[stage] = (performance.now() - start) / 1000;
    return result;
  };
  const { train, fit } = await timed("open", () => opened(context, model));
  const curvature = await timed("fit", async () => {
    const keep = await curvatureKeeper(context, model, fit);
    return keptCurvature(train, fit, keep, await fitKeeper(context, model, fit));
  });
  const score: ScoreOptions = {
    ...(options.damping !== undefined && { damping: options.damping as DampingChoice }),
    inversion: options.inversion,
    raw: options.raw,
    signal,
    onProgress: context.progress,
  };
  const ownScores = async (): Promise<SelfInfluence> =>
    selfInfluence(curvature, train, score, await selfKeeper(context, model, fit, score, train));
  const self = options.self ? await timed("self", ownScores) : undefined;
  const found = { train, curvature, seconds, ...(self && { self }) };
  if (!context.inputs.query) return found;
  return { ...found, pairwise: await timed("queries", () => preparedQueries(context, model, found, fit, score)) };
}

async function preparedQueries(
  context: Context,
  model: Model,
  { train, curvature }: Pick<OneModel, "train" | "curvature">,
  fit: CurvatureOptions,
  score: ScoreOptions,
): Promise<PairwiseRun> {
  const { inputs, options } = context;
  const { detail, shard, aggregate, queryRank } = options;
  const loss = await lossOfQueries(context);
  const query = await context.problem({ ...chosenPart(context, model), data: inputs.query!, loss });
  const pairwise: PairwiseOptions = {
    ...score,
    detail,
    aggregate,
    ...(queryRank !== undefined && { queryRank }),
    ...(shard && { batches: ({ index }) => index % shard.of === shard.index - 1 }),
  };
  const problems = { train, query };
  return pairwiseRun(curvature, problems, pairwise, await pairwiseKeepers(context, model, fit, score, problems));
}

async function lossOfQueries({ options: { loss, measurement } }: Context): Promise<LossSpec> {
  return measurement === undefined ? loss : measurementOf(measurement as MeasurementSpec, loss);
}

/** Kinds that are inverted block by block go their own way; of any other, systems are solved. */
async function fitOptionsOf({ specs, options, operators }: Context, train: Problem): Promise<CurvatureOptions> {
  const { kind, ...spec } = specs.curvature;
  const known = (strategies as readonly string[]).includes(kind);
  if (!known) return { strategy: "operator", operator: await operators.curvature(train) };
  const given = Object.fromEntries(Object.entries(spec).filter(([, value]) => value !== undefined));
  return { strategy: kind as Strategy, ...given, kfacPositions: options.raw ? "mean" : "sum" };
}
