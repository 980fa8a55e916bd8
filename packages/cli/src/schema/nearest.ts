/** The known name that a mistyped one most likely means. */

/** The nearest of `known` by edit distance; undefined if none is near enough to be a slip. */
export function nearest(name: string, known: readonly string[]): string | undefined {
  const ranked = known
    .map((candidate) => ({ candidate, distance: editDistance(name, candidate) }))
    .sort((a, b) => a.distance - b.distance);
  const best = ranked[0];
  return best && best.distance <= Math.max(2, name.length / 3) ? best.candidate : undefined;
}

/** Insertions, deletions and replacements that lead from `a` to `b` (Levenshtein). */
export function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (const [i, letter] of [...a].entries()) {
    const row = [i + 1];
    for (const [j, other] of [...b].entries()) {
      const replaced = (previous.at(j) ?? 0) + (letter === other ? 0 : 1);
      row.push(Math.min(replaced, (previous.at(j + 1) ?? 0) + 1, (row.at(j) ?? 0) + 1));
    }
    previous = row;
  }
  return previous.at(-1) ?? 0;
}
