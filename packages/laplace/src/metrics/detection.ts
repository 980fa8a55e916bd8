/** How well a score tells rows of another kind from the usual ones: larger should mean "other". */

/** Probability that one of `other` scores above one of `usual`; ties count half. */
export function auroc(usual: ArrayLike<number>, other: ArrayLike<number>): number {
  const all = [
    ...Array.from(usual, (score) => ({ score, other: 0 })),
    ...Array.from(other, (score) => ({ score, other: 1 })),
  ];
  all.sort((a, b) => a.score - b.score);
  let sum = 0;
  for (let start = 0; start < all.length; ) {
    let end = start;
    while (end < all.length && all[end]!.score === all[start]!.score) end++;
    const rank = (start + 1 + end) / 2; // the mean rank of the tied
    for (let i = start; i < end; i++) sum += all[i]!.other * rank;
    start = end;
  }
  return (sum - (other.length * (other.length + 1)) / 2) / (usual.length * other.length);
}

/** Share of usual rows that are taken for others at the threshold that finds 95 % of the others. */
export function falsePositiveRate(usual: ArrayLike<number>, other: ArrayLike<number>, found = 0.95): number {
  const sorted = Array.from(other).sort((a, b) => b - a);
  const threshold = sorted[Math.min(Math.ceil(found * sorted.length), sorted.length) - 1]!;
  return Array.from(usual).filter((score) => score >= threshold).length / usual.length;
}
