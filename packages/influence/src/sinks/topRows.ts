/** For each query the rows with the largest and the smallest scores, without the matrix of all. */
import type { RankedRow } from "../evaluation/combine.ts";
import { rowTotals, type ScoreSink } from "./sink.ts";

export interface TopRows {
  readonly helpful: readonly RankedRow[];
  readonly harmful: readonly RankedRow[];
}

export function topRows(queries: number, count: number): ScoreSink & { result(): TopRows[] } {
  const lists = Array.from({ length: queries }, () => ({ largest: ranking(count, 1), smallest: ranking(count, -1) }));
  return {
    add(slice) {
      const { firstRow, rows } = slice;
      const totals = rowTotals(slice, queries);
      lists.forEach(({ largest, smallest }, q) => {
        for (let i = 0; i < rows; i++) {
          const score = totals[q * rows + i]!;
          largest.offer({ row: firstRow + i, score });
          smallest.offer({ row: firstRow + i, score });
        }
      });
    },
    result: () => lists.map(({ largest, smallest }) => ({ helpful: largest.list, harmful: smallest.list })),
  };
}

/** The `count` rows with the largest `sign` · score, in order; of equal ones the earlier. */
function ranking(count: number, sign: 1 | -1): { readonly list: readonly RankedRow[]; offer(one: RankedRow): void } {
  const list: RankedRow[] = [];
  return {
    list,
    offer(one) {
      const last = list.at(-1);
      if (list.length === count && sign * one.score <= sign * last!.score) return;
      const at = list.findIndex(({ score }) => sign * one.score > sign * score);
      list.splice(at < 0 ? list.length : at, 0, one);
      if (list.length > count) list.pop();
    },
  };
}
