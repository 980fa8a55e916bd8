/** Where a run's scores go: memory, a file, the top rows alone, sums by source. */
import { type DatasetRef, type Tensor, tensor } from "@hessonite/core";
import { averagedSlices } from "./checkpoints.ts";
import { averageScores } from "./evaluation/combine.ts";
import type { Context } from "./keepers.ts";
import type { OneModel } from "./oneModel.ts";
import type { PairwiseRun } from "./pairwise.ts";
import { requireLabelForEachRow, rowLabels } from "./rowLabels.ts";
import { type Collected, collectScores } from "./sinks/collectScores.ts";
import { scoreFile } from "./sinks/scoreFile.ts";
import { type SourceSums, sourceSums } from "./sinks/sourceSums.ts";
import { type TopRows, topRows } from "./sinks/topRows.ts";

export interface Gathered {
  readonly positions: number;
  readonly collected?: Collected;
  readonly top?: readonly TopRows[];
  readonly sources?: SourceSums;
  readonly scoresFile?: string;
}

/** Streams the averaged scores of all models once into every sink that is asked for. */
export async function gathered(context: Context, models: readonly OneModel[]): Promise<Gathered> {
  const runs = models.map(({ pairwise }) => pairwise) as readonly PairwiseRun[];
  const { train, curvature } = models[0]!;
  const { queries } = runs[0]!;
  const { rows } = train.survey;
  const { top: count, scoresFile, detail } = context.options;
  const sources = await sourcesOf(context, rows);
  const modules = detail === "module" ? curvature.blocks.map(({ shape }) => shape.name) : undefined;
  const metadata = { kind: "influence scores", strategy: context.specs.curvature.kind };
  const further = furtherArrays(context, models, queries);
  await using file = scoresFile ? scoreFile(scoresFile, { queries, rows, modules, further, metadata }) : undefined;
  const top = count ? topRows(queries, count) : undefined;
  const sums = sources && sourceSums(queries, rows, sources);
  const all = file || (top && !sums) || sums ? undefined : collectScores(queries, rows);
  let positions = 1;
  for await (const slice of averagedSlices(runs)) {
    positions = slice.positions;
    for (const sink of [file, top, sums, all]) await sink?.add(slice);
  }
  await file?.finish();
  return {
    positions,
    ...(all && { collected: all.result() }),
    ...(top && { top: top.result() }),
    ...(sums && { sources: sums.result() }),
    ...(scoresFile && { scoresFile }),
  };
}

/** What a file of scores holds beside them: `shard [index, of]`, `self [rows]`, and the numbers of rows in the data's files. */
function furtherArrays(
  { inputs, options: { shard, aggregate } }: Context,
  models: readonly OneModel[],
  queries: number,
): Record<string, Tensor> {
  const self = models.flatMap((model) => (model.self ? [model.self.scores] : []));
  return {
    ...(shard && { shard: tensor("int32", [2], Int32Array.of(shard.index, shard.of)) }),
    ...(self[0] && { self: tensor("float64", [self[0].length], averageScores(self).mean) }),
    row: rowNumbers(inputs.train, models[0]!.train.survey.rows),
    ...(aggregate === "none" && inputs.query && { query_row: rowNumbers(inputs.query, queries) }),
  };
}

/** Numbers of the used rows in the file that a reference names. */
export function rowNumbers(reference: DatasetRef, rows: number): Tensor {
  const first = typeof reference === "object" && "file" in reference ? (reference.rows?.start ?? 0) : 0;
  return tensor(
    "int32",
    [rows],
    Int32Array.from({ length: rows }, (_, i) => first + i),
  );
}

async function sourcesOf({ inputs, options }: Context, rows: number): Promise<readonly string[] | undefined> {
  const { sources } = options;
  if (sources === undefined) return undefined;
  const labels = typeof sources === "string" ? await labelsOf(inputs.train, sources) : sources;
  requireLabelForEachRow(labels, rows, "sources");
  return labels;
}

/** Labels of the rows that a reference names. */
export function labelsOf(reference: DatasetRef, from: string): Promise<string[]> {
  if (typeof reference === "string") return rowLabels(reference, from);
  return "file" in reference ? rowLabels(reference.file, from, reference.rows) : rowLabels("", from);
}
