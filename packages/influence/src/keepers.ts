/** Keeping what is costly between runs, under the hash of all that it depends on. */
import type { datasetRef, modelRef, OperatorSpec, PluginContext, Problem, Tensor } from "@hessonite/core";
import type { z } from "zod";
import type { FitKeeper } from "./fitShards.ts";
import type { SliceKeeper } from "./keptSlices.ts";
import type { CurvatureOptions, ScoreOptions } from "./options.ts";
import type { influenceOptions } from "./pluginSchemas.ts";
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

/** Keeps each batch's scores under the hash of all that they depend on. */
export async function sliceKeeper(
  context: Context,
  model: z.output<typeof modelRef>,
  fit: CurvatureOptions,
  { signal: _, onProgress: __, ...score }: ScoreOptions,
  train: Problem,
): Promise<SliceKeeper | undefined> {
  const { inputs, options, identity, kept, keep } = context;
  const { measurement = null, detail, aggregate, queryRank = null } = options;
  const curvature = await curvatureKey(context, model, fit);
  const query = inputs.query === undefined ? undefined : await identity(inputs.query);
  const graph = hasGraph(measurement) ? await identity(measurement.graph) : null;
  if (!curvature || !query || isLive(measurement)) return undefined;
  const { batchRows } = train.survey;
  const common = {
    what: "influence scores",
    curvature,
    query,
    how: howRead(inputs.query),
    measurement: graph ?? measurement,
    detail,
    aggregate,
    queryRank,
    score,
    batchRows,
  };
  return {
    async load(firstRow) {
      const arrays = await kept({ ...common, firstRow });
      const list = Object.values(arrays ?? {});
      const [, rows = 0, positions = 0] = list[0]?.shape ?? [];
      const inOrder = list.map((_, i) => arrays![String(i)]!.data);
      return list.length === 0 ? undefined : { firstRow, rows, positions, scores: inOrder };
    },
    async save({ firstRow, rows, positions, scores }) {
      const arrays = scores.map((data, i): [string, Tensor] => [
        String(i),
        { dtype: "float64", shape: [data.length / rows / positions, rows, positions], data },
      ]);
      await keep({ ...common, firstRow }, Object.fromEntries(arrays));
    },
  };
}
