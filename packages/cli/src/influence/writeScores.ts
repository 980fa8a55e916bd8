/**
 * Scores as a file.
 *
 *     scores [queries, rows], or [queries, rows, positions]; "scores <module>" for each module
 *     standard_error, likewise, with several checkpoints        self [rows]        row, query_row: numbers in the data's files
 *     helpful, harmful [queries, k] row numbers and helpful_scores, harmful_scores, with --top-only
 *     source_scores [queries, sources], source [sources] where they are numbers, with --sum-by
 *
 * The matrix of scores is written as it comes, with all that stands beside it; this writes what is no such matrix, and the names
 * of rows, queries and sources. They are text, which such files do not hold: they stand in a JSON file beside it.
 */
import { writeFile } from "node:fs/promises";
import { type Tensor, writeNpz, writeSafetensors } from "@hessonite/core";
import type { InfluenceResult } from "@hessonite/influence";
import type { InfluenceOptions } from "./options.ts";

export interface RowNames {
  readonly firstRow: number;
  readonly firstQuery: number;
  readonly rows?: readonly string[] | undefined;
  readonly queries?: readonly string[] | undefined;
}

export async function writeScores(
  path: string,
  found: InfluenceResult,
  { shard, aggregate, topOnly }: Pick<InfluenceOptions, "shard" | "aggregate" | "topOnly">,
  names: RowNames,
): Promise<void> {
  const arrays = {
    ...(topOnly && rankings(found, names.firstRow)),
    ...(found.sources && sums(found.sources, found.queries)),
    ...(found.self && { self: array(found.self, [found.rows]) }),
    ...(shard && { shard: integers([shard.index, shard.of], [2]) }),
    row: count(names.firstRow, found.rows),
    ...(found.queries > 0 && aggregate === "none" && { query_row: count(names.firstQuery, found.queries) }),
  };
  if (!found.scoresFile) await (path.endsWith(".safetensors") ? writeSafetensors : writeNpz)(path, arrays);
  const text = {
    ...(names.rows && { rows: names.rows }),
    ...(names.queries && { queries: names.queries }),
    ...(found.sources && { sources: found.sources.names }),
  };
  if (Object.keys(text).length > 0) await writeFile(`${path}.names.json`, `${JSON.stringify(text)}\n`);
}

/** Numbers as numbers; other names of sources are text. */
function sums({ names, scores }: NonNullable<InfluenceResult["sources"]>, queries: number): Record<string, Tensor> {
  const numbers = names.map(Number);
  return {
    source_scores: array(scores, [queries, names.length]),
    ...(numbers.every(Number.isFinite) && { source: array(Float64Array.from(numbers), [names.length]) }),
  };
}

const array = (data: Float64Array, shape: readonly number[]): Tensor => ({ dtype: "float64", shape, data });
const integers = (values: readonly number[], shape: readonly number[]): Tensor => ({
  dtype: "int32",
  shape,
  data: Int32Array.from(values),
});
const count = (first: number, rows: number): Tensor =>
  integers(
    Array.from({ length: rows }, (_, i) => first + i),
    [rows],
  );

function rankings({ top, queries }: InfluenceResult, firstRow: number): Record<string, Tensor> {
  if (!top) return {};
  const width = top[0]?.helpful.length ?? 0;
  const of = (side: "helpful" | "harmful"): [string, Tensor][] => {
    const list = top.flatMap((one) => one[side]);
    return [
      [
        side,
        integers(
          list.map(({ row }) => row + firstRow),
          [queries, width],
        ),
      ],
      [
        `${side}_scores`,
        array(
          Float64Array.from(list, ({ score }) => score),
          [queries, width],
        ),
      ],
    ];
  };
  return Object.fromEntries([...of("helpful"), ...of("harmful")]);
}
