/** Counts of scores in bins of one width. */

const bins = 60;

/** @param parts Called twice: all scores in parts. */
export async function histogramOf(
  parts: () => AsyncIterable<Float64Array>,
): Promise<{ edges: number[]; counts: number[] } | null> {
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for await (const part of parts()) {
    for (const x of part) {
      low = Math.min(low, x);
      high = Math.max(high, x);
    }
  }
  if (low > high) return null;
  const width = (high - low) / bins || 1;
  const counts = new Array<number>(bins).fill(0);
  for await (const part of parts()) {
    for (const x of part) {
      const bin = Math.min(bins - 1, Math.floor((x - low) / width));
      counts[bin] = (counts[bin] ?? 0) + 1;
    }
  }
  return { edges: Array.from({ length: bins + 1 }, (_, i) => low + i * width), counts };
}
