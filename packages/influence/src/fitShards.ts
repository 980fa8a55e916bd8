/**
 * A sum over batches in parts: a shard of it on one of several machines, and what was summed up before a run was stopped.
 *
 * All go through one store, which every machine sees. Shards are scaled by what the whole data count, so they just add up.
 */
import { type PartialSums, type Problem, type Tensor, tensor, UsageError } from "@hessonite/core";

export type Arrays = Readonly<Record<string, Tensor>>;

/** Which part of the batches, of which sum. */
export interface FitShard {
  readonly index: number;
  readonly of: number;
  readonly stage: "factors" | "eigenvalues" | "scores";
}

export interface FitKeeper {
  readonly shard?: FitShard | undefined;
  load(key: object): Promise<Arrays | undefined>;
  save(key: object, arrays: Arrays): Promise<void>;
}

/** Computes a sum's arrays over a part of the batches. */
export type Sum = (part: PartialSums) => Promise<Arrays>;
type Stage = "factors" | "eigenvalues";

/** The whole sum: of the shards that are kept, or computed. @throws {UsageError} if some shards are kept, but not all. */
export async function wholeSum(problem: Problem, stage: Stage, sum: Sum, keeper?: FitKeeper): Promise<Arrays> {
  if (!keeper) return sum({});
  const of = keeper.shard?.of ?? (await keeper.load({ stage, what: "number of shards" }))?.["of"]?.data[0];
  if (of !== undefined) {
    const parts = await Promise.all(
      Array.from({ length: of }, (_, i) => keeper.load(shardKey(problem, stage, i + 1, of))),
    );
    const missing = parts.flatMap((part, i) => (part ? [] : [i + 1]));
    if (missing.length === 0) return added(parts as Arrays[]);
    if (missing.length < of || keeper.shard?.stage === "eigenvalues") throw incomplete(stage, missing, of);
  }
  return sum({ keeper: partKeeper(problem, { stage }, keeper) });
}

/** Computes a shard's part and keeps it. @throws {UsageError} if nothing is kept, for want of a cache. */
export async function keepShard(problem: Problem, stage: Stage, sum: Sum, keeper: FitKeeper): Promise<void> {
  const { index, of } = keeper.shard!;
  const key = shardKey(problem, stage, index, of);
  if (await keeper.load(key)) return;
  const batches = (batch: number): boolean => batch % of === index - 1;
  const arrays = await sum({ batches, keeper: partKeeper(problem, { stage, index, of }, keeper) });
  await keeper.save(key, arrays);
  await keeper.save({ stage, what: "number of shards" }, { of: tensor("int32", [1], Int32Array.of(of)) });
  if (await keeper.load(key)) return;
  throw new UsageError("Cannot fit a shard as there is nowhere to keep it", { try: "name a folder as cache" });
}

const shardKey = ({ survey }: Problem, stage: Stage, index: number, of: number): object => ({
  stage,
  shard: [index, of],
  batchRows: survey.batchRows,
});

function incomplete(stage: Stage, missing: readonly number[], of: number): UsageError {
  return new UsageError(`Cannot add up the shards' ${stage} as some are not there yet`, {
    expected: `shards 1 … ${of}`,
    found: `all but ${missing.join(", ")}`,
    try: `fit the missing ones with the same options: --shard ${missing[0]}/${of} --stage ${stage}`,
  });
}

function added(parts: readonly Arrays[]): Arrays {
  return Object.fromEntries(
    Object.entries(parts[0]!).map(([name, { dtype, shape }]) => {
      const list = parts.map((part) => part[name]!.data);
      const data = new Float64Array(list[0]!.length).map((_, i) => list.reduce((sum, one) => sum + one[i]!, 0));
      return [name, { dtype, shape, data }];
    }),
  );
}

/** Sums on their way, as arrays `done`, `0`, `1`, … */
export function partKeeper(
  { survey }: Problem,
  what: object,
  { load, save }: FitKeeper,
): NonNullable<PartialSums["keeper"]> {
  const key = { ...what, what: "sums on their way", batchRows: survey.batchRows };
  return {
    async load() {
      const arrays = await load(key);
      if (!arrays) return undefined;
      const { done, ...rest } = arrays;
      const sums = Object.keys(rest).map((_, i) => new Float64Array(rest[i]!.data));
      return { done: done!.data[0]!, sums };
    },
    async save({ done, sums }) {
      const list = sums.map((data, i): [string, Tensor] => [String(i), tensor("float64", [data.length], data)]);
      await save(key, { done: tensor("int32", [1], Int32Array.of(done)), ...Object.fromEntries(list) });
    },
  };
}
