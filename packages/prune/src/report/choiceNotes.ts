/** What held-out rows chose beside measuring it: the least of several losses is low by luck alone. */

export interface RowsChose {
  /** Models of a level, at most. */
  readonly candidates: number;
  /** Whether a level was chosen by its drop. */
  readonly drop: boolean;
  readonly methods: number;
}

/** Nothing where they only measured. */
export function choiceNotes({ candidates, drop, methods }: RowsChose): string[] {
  const chose = [
    ...(candidates > 1 ? [`each level's model from ${candidates}`] : []),
    ...(drop ? ["the level"] : []),
    ...(methods > 1 ? ["the method"] : []),
  ];
  if (chose.length === 0) return [];
  return [
    `The held-out rows that measured the model also chose it (${chose.join(", ")}): on rows that chose nothing its loss may be a little higher.`,
  ];
}
