/** What is computed batch by batch, those that an earlier run kept taken from there: a run that was stopped goes on. */
import { type Problem, type ProductsOptions, UsageError } from "@hessonite/core";

/** Which batches are worked on. */
export type WantedBatches = NonNullable<ProductsOptions["batches"]>;

/** What a batch gave. */
export interface OfBatch {
  /** Number of the batch's first row. */
  readonly firstRow: number;
}

/** Keeps what each batch gives as it is made. */
export interface BatchKeeper<Result extends OfBatch> {
  load(firstRow: number): Promise<Result | undefined>;
  save(result: Result): Promise<void>;
}

/**
 * Yields what every wanted batch gives, in the batches' order. Only what `keeper` has not is computed, and given to it before it
 * is yielded: a run that is killed loses the batch it was in.
 */
export async function* keptBatches<Result extends OfBatch>(
  problem: Problem,
  compute: (batches: WantedBatches) => AsyncGenerator<Result>,
  keeper: BatchKeeper<Result> | undefined,
  batches: WantedBatches = () => true,
): AsyncGenerator<Result> {
  const all = evenBatches(problem)?.filter(batches);
  if (!keeper || !all) {
    yield* compute(batches);
    return;
  }
  const known = new Set<number>();
  for (const { firstRow } of all) if (await keeper.load(firstRow)) known.add(firstRow);
  const fresh = compute((batch) => !known.has(batch.firstRow) && batches(batch));
  try {
    for (const { firstRow } of all) {
      if (known.has(firstRow)) yield await loaded(keeper, firstRow);
      else {
        const { value, done } = await fresh.next();
        if (done) return;
        await keeper.save(value);
        yield value;
      }
    }
  } finally {
    await fresh.return(undefined);
  }
}

/** Undefined where batches are of several sizes, and where they begin cannot be told. */
function evenBatches({
  survey: { rows, batchRows, batches },
  data,
}: Problem): Parameters<WantedBatches>[0][] | undefined {
  const size = data.batchSize ?? batchRows;
  if (Math.ceil(rows / size) !== batches) return undefined;
  return Array.from({ length: batches }, (_, index) => {
    const firstRow = index * size;
    return { index, firstRow, rows: Math.min(size, rows - firstRow) };
  });
}

async function loaded<Result extends OfBatch>(keeper: BatchKeeper<Result>, firstRow: number): Promise<Result> {
  const result = await keeper.load(firstRow);
  if (result) return result;
  throw new UsageError("Cannot go on with what was kept as it went away while it was used", {
    at: `row ${firstRow}`,
    try: "run again, and leave the cache alone meanwhile",
  });
}
