/** Scores of several checkpoints, groups of rows, and columns of sources. */
import { MismatchError } from "@hessonite/core";

export interface Averaged {
  readonly mean: Float64Array;
  /** Of the mean, entry by entry. */
  readonly standardError: Float64Array;
}

/** The mean over checkpoints of one architecture, trained with different seeds. @throws {MismatchError} if lengths differ. */
export function averageScores(list: readonly Float64Array[]): Averaged {
  const [first] = list;
  const odd = list.find((scores) => scores.length !== first?.length);
  if (!first || odd) {
    throw new MismatchError("Cannot average scores as they differ in length", {
      expected: first?.length ?? "scores",
      found: odd?.length ?? 0,
    });
  }
  const n = list.length;
  const mean = first.map((_, i) => list.reduce((sum, scores) => sum + scores[i]!, 0) / n);
  const standardError = first.map((_, i) =>
    n === 1 ? Number.NaN : Math.sqrt(list.reduce((sum, scores) => sum + (scores[i]! - mean[i]!) ** 2, 0) / (n - 1) / n),
  );
  return { mean, standardError };
}

/**
 * Sums scores over rows of one source: `[queries, sources]`, sources in the order of their first row.
 *
 * @param sources One for each training row: an author, a file, a cluster. To first order this is the influence of removing all.
 */
export function scoresBySource<Source>(
  scores: ArrayLike<number>,
  queries: number,
  sources: readonly Source[],
): { readonly sources: readonly Source[]; readonly scores: Float64Array } {
  if (scores.length !== queries * sources.length) {
    throw new MismatchError("Cannot sum scores by source as there is not one source a training row", {
      expected: scores.length / queries,
      found: sources.length,
    });
  }
  const distinct = [...new Set(sources)];
  const place = new Map(distinct.map((source, i) => [source, i]));
  const out = new Float64Array(queries * distinct.length);
  for (let q = 0; q < queries; q++) {
    for (const [i, source] of sources.entries())
      out[q * distinct.length + place.get(source)!]! += scores[q * sources.length + i]!;
  }
  return { sources: distinct, scores: out };
}

export interface RankedRow {
  readonly row: number;
  readonly score: number;
}

/** A query's rows with the largest (helpful) and smallest (harmful) scores, strongest first. */
export function extremeRows(
  scores: ArrayLike<number>,
  count: number,
): { readonly helpful: RankedRow[]; readonly harmful: RankedRow[] } {
  const order = Array.from(scores, (score, row) => ({ row, score })).sort((a, b) => b.score - a.score);
  return { helpful: order.slice(0, count), harmful: order.slice(-count).reverse() };
}
