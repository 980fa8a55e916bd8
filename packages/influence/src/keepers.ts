/** Keeping what is costly between runs, under the hash of all that it depends on. */
import type { datasetRef, modelRef, OperatorSpec, PluginContext, Problem } from "@hessonite/core";
import type { z } from "zod";
import type { Arrays, FitKeeper } from "./fitShards.ts";
import { preparedArrays, preparedOf, sliceArrays, sliceOf, squaresArrays, squaresOf } from "./keptArrays.ts";
import type { BatchKeeper, OfBatch } from "./keptBatches.ts";
import type { CurvatureOptions, ScoreOptions } from "./options.ts";
import type { PairwiseKeepers } from "./pairwise.ts";
import type { influenceOptions } from "./pluginSchemas.ts";
import type { PreparedBatch } from "./queryVectors.ts";
import type { Squares } from "./selfInfluence.ts";
import type { KeepArrays } from "./storedCurvature.ts";

/** What a run of the plugin is given. */
export type Context = PluginContext<
  {
    readonly model: z.output<typeof modelRef>;
    readonly train: z.output<typeof datasetRef>;
    readonly query?: z.output<typeof datasetRef> | undefined;
  },
  { readonly curvature: OperatorSpec },
  z.output<typeof influenceOptions>
>;

/** Keeps the curvature on disk where model and data are files. */
export async function curvatureKeeper(
  context: Context,
  model: z.output<typeof modelRef>,
  fit: CurvatureOptions,
): Promise<KeepArrays> {
  const key = await curvatureKey(context, model, fit);
  return key ? (make) => context.arrays(key, make) : (make) => make();
}

/** Keeps parts of the curvature's sums: of shards, and of a run that was stopped. */
export async function fitKeeper(
  context: Context,
  model: z.output<typeof modelRef>,
  fit: CurvatureOptions,
): Promise<FitKeeper | undefined> {
  const curvature = await curvatureKey(context, model, fit);
  if (!curvature) return undefined;
  const { kept, keep, options } = context;
  return {
    shard: options.shard,
    load: (key) => kept({ ...curvature, part: key }),
    save: (key, arrays) => keep({ ...curvature, part: key }, arrays),
  };
}

/** What a curvature depends on; undefined where that cannot be told. */
async function curvatureKey(
  { inputs, options, engine, identity }: Context,
  model: z.output<typeof modelRef>,
  { signal: _, onProgress: __, ...fit }: CurvatureOptions,
): Promise<object | undefined> {
  const { loss, parameters = null, output = null } = options;
  const contents = await Promise.all([identity(model), identity(inputs.train)]);
  if (fit.operator || contents.includes(undefined) || isLive(loss)) return undefined;
  const { precision } = engine;
  return {
    what: "influence curvature",
    version: 1,
    contents,
    how: howRead(inputs.train),
    loss,
    parameters,
    output,
    fit,
    precision,
  };
}

const hasGraph = (spec: unknown): spec is { readonly graph: string } =>
  typeof spec === "object" && spec !== null && "graph" in spec;

const isLive = (loss: unknown): boolean => typeof loss === "object" && loss !== null && "terms" in loss;

/** How a file is read, without where it is and without the size of its batches. */
function howRead(reference: unknown): object | null {
  if (typeof reference !== "object" || reference === null || !("file" in reference)) return null;
  return { ...reference, file: undefined, batchSize: undefined };
}

/** Keeps each batch's share of rows' influence on themselves. */
export async function selfKeeper(
  context: Context,
  model: z.output<typeof modelRef>,
  fit: CurvatureOptions,
  score: ScoreOptions,
  { survey: { batchRows } }: Problem,
): Promise<BatchKeeper<Squares> | undefined> {
  const curvature = await curvatureKey(context, model, fit);
  if (!curvature) return undefined;
  const common = { what: "self-influence", curvature, score: plain(score), batchRows };
  return batchKeeper(context, common, squaresArrays, squaresOf);
}

/** Keeps each batch's prepared queries and scores under the hash of all that they depend on. */
export async function pairwiseKeepers(
  context: Context,
  model: z.output<typeof modelRef>,
  fit: CurvatureOptions,
  score: ScoreOptions,
  problems: { readonly train: Problem; readonly query: Problem },
): Promise<PairwiseKeepers> {
  const { inputs, options, identity, kept, keep } = context;
  const { measurement = null, detail, aggregate, queryRank = null } = options;
  const curvature = await curvatureKey(context, model, fit);
  const query = inputs.query === undefined ? undefined : await identity(inputs.query);
  const graph = hasGraph(measurement) ? await identity(measurement.graph) : null;
  if (!curvature || !query || isLive(measurement)) return {};
  const asked = {
    curvature,
    query,
    how: howRead(inputs.query),
    measurement: graph ?? measurement,
    aggregate,
    queryRank,
    score: plain(score),
    queriesAtOnce: problems.query.survey.batchRows,
  };
  const { batchRows } = problems.train.survey;
  const queries = { what: "influence queries", ...asked };
  const scores = { what: "influence scores", ...asked, detail, batchRows };
  const whole = { ...queries, what: "influence queries as one" };
  return {
    queries: batchKeeper<PreparedBatch>(context, queries, preparedArrays, (arrays, firstRow) => ({
      firstRow,
      ...preparedOf(arrays),
    })),
    slices: batchKeeper(context, scores, sliceArrays, sliceOf),
    aggregate: {
      async load() {
        const arrays = await kept(whole);
        return arrays && preparedOf(arrays);
      },
      save: (prepared) => keep(whole, preparedArrays(prepared)),
    },
  };
}

function batchKeeper<Result extends OfBatch>(
  { kept, keep }: Context,
  common: object,
  arraysOf: (result: Result) => Arrays,
  resultOf: (arrays: Arrays, firstRow: number) => Result,
): BatchKeeper<Result> {
  return {
    async load(firstRow) {
      const arrays = await kept({ ...common, firstRow });
      return arrays && resultOf(arrays, firstRow);
    },
    save: (result) => keep({ ...common, firstRow: result.firstRow }, arraysOf(result)),
  };
}

const plain = ({ signal: _, onProgress: __, ...score }: ScoreOptions): object => score;
