/** All queries as one: the sum or the mean of their measurements, whose gradient is that of theirs. */
import type { BlockVectors } from "@hessonite/core";

export const aggregations = ["none", "sum", "mean"] as const;
export type Aggregation = (typeof aggregations)[number];

export function aggregated({ count, blocks }: BlockVectors, how: Aggregation): BlockVectors {
  if (how === "none") return { count, blocks };
  const share = how === "mean" ? 1 / count : 1;
  return {
    count: 1,
    blocks: blocks.map((data) => {
      const size = data.length / count;
      const sum = new Float64Array(size);
      for (const [at, x] of data.entries()) sum[at % size]! += share * x;
      return sum;
    }),
  };
}
