/** Scores of several checkpoints of one architecture, averaged batch by batch, with the standard error of the mean. */
import { averageScores } from "./evaluation/combine.ts";
import type { PairwiseRun } from "./pairwise.ts";
import type { AveragedSlice, ScoreSlice } from "./sinks/sink.ts";

/** The runs go side by side over the same batches. */
export async function* averagedSlices(runs: readonly PairwiseRun[]): AsyncGenerator<AveragedSlice> {
  const streams = runs.map((run) => run.slices());
  try {
    for (;;) {
      const parts: IteratorResult<ScoreSlice>[] = [];
      for (const stream of streams) parts.push(await stream.next());
      const [first] = parts;
      if (!first || first.done) return;
      if (parts.length === 1) yield first.value;
      else {
        const means = first.value.scores.map((_, i) =>
          averageScores(parts.map(({ value }) => Float64Array.from(value!.scores[i]!))),
        );
        yield {
          ...first.value,
          scores: means.map(({ mean }) => mean),
          standardErrors: means.map(({ standardError }) => standardError),
        };
      }
    }
  } finally {
    for (const stream of streams) await stream.return(undefined);
  }
}
