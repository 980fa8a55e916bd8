/** What batches give as arrays by name, and back. */
import { type NumericArray, type Tensor, tensor } from "@hessonite/core";
import type { Arrays } from "./fitShards.ts";
import type { Prepared } from "./queryVectors.ts";
import type { Squares } from "./selfInfluence.ts";
import type { ScoreSlice } from "./sinks/sink.ts";
import { outcomes } from "./solveReport.ts";

/** `0`, `1`, … for each block or module. */
const listed = (list: readonly NumericArray[], shapeOf: (data: NumericArray) => readonly number[]): Arrays =>
  Object.fromEntries(
    list.map((data, i) => [String(i), { dtype: dtypeOf(data), shape: shapeOf(data), data } as Tensor]),
  );

const dtypeOf = (data: NumericArray): "float32" | "float64" => (data instanceof Float64Array ? "float64" : "float32");

function dataOf(arrays: Arrays): NumericArray[] {
  const list: NumericArray[] = [];
  for (let i = 0; arrays[String(i)]; i++) list.push(arrays[String(i)]!.data as NumericArray);
  return list;
}

/** `[queries, rows, positions]` */
export const sliceArrays = ({ rows, positions, scores }: ScoreSlice): Arrays =>
  listed(scores, (data) => [data.length / rows / positions, rows, positions]);

export function sliceOf(arrays: Arrays, firstRow: number): ScoreSlice {
  const [, rows = 0, positions = 0] = arrays["0"]?.shape ?? [];
  return { firstRow, rows, positions, scores: dataOf(arrays) };
}

/** `[rows]` */
export const squaresArrays = ({ blocks }: Squares): Arrays => listed(blocks, (data) => [data.length]);

export const squaresOf = (arrays: Arrays, firstRow: number): Squares => ({ firstRow, blocks: dataOf(arrays) });

/** Vectors `[queries, entries]`, the ranks of those that are of low rank (0 for the others), and how systems were solved. */
export function preparedArrays({ vectors: { count, blocks, ranks }, solve }: Prepared): Arrays {
  return {
    ...listed(blocks, (data) => [count, data.length / count]),
    ...(ranks && {
      ranks: tensor(
        "int32",
        [ranks.length],
        Int32Array.from(ranks, (rank) => rank ?? 0),
      ),
    }),
    ...(solve && {
      solve: tensor(
        "float64",
        [4],
        Float64Array.of(outcomes.indexOf(solve.outcome), solve.iterations, solve.residual, solve.products),
      ),
    }),
  };
}

export function preparedOf(arrays: Arrays): Prepared {
  const [outcome, iterations = 0, residual = 0, products = 0] = arrays["solve"]?.data ?? [];
  const ranks = arrays["ranks"];
  return {
    vectors: {
      count: arrays["0"]?.shape[0] ?? 0,
      blocks: dataOf(arrays),
      ...(ranks && { ranks: Array.from(ranks.data, (rank) => rank || null) }),
    },
    ...(outcome !== undefined && { solve: { outcome: outcomes[outcome]!, iterations, residual, products } }),
  };
}
