/** Minibatches of chosen rows in random order: all rows in memory, gathered batch by batch. */

import { UsageError } from "../errors.ts";
import { sizeOf } from "../ir/shape.ts";
import type { NumericArray, Tensor } from "../ir/tensor.ts";
import type { Problem } from "../operators/problem.ts";
import type { RandomStream } from "../random/random.ts";

/** Rows of inputs, target and weights side by side. */
export interface RowStore {
  readonly rows: number;
  /** The chosen rows as one batch, filled up to `size` with rows of weight 0. */
  gather(rows: ArrayLike<number>, size: number): GatheredBatch;
}

export interface GatheredBatch {
  readonly inputs: Readonly<Record<string, Tensor>>;
  readonly target: Tensor;
  readonly weights: Tensor;
}

/** @throws {UsageError} if the data have no target. */
export async function rowStore(problem: Problem, signal?: AbortSignal): Promise<RowStore> {
  const pieces: {
    readonly rows: number;
    readonly inputs: Readonly<Record<string, Tensor>>;
    readonly target: Tensor;
    readonly weights: Tensor;
  }[] = [];
  for await (const { rows, inputs, target, weights } of problem.batches(signal)) {
    if (!target)
      throw new UsageError("Cannot train as the data have no target", {
        at: problem.data.name,
        try: 'add an array "y" to the data file',
      });
    pieces.push({ rows, inputs, target, weights });
  }
  const starts = pieces.map(({ rows }) => rows);
  const rows = starts.reduce((a, b) => a + b, 0);
  const place = new Int32Array(2 * rows);
  let at = 0;
  pieces.forEach((piece, p) => {
    for (let row = 0; row < piece.rows; row++, at += 2) place.set([p, row], at);
  });
  const gather = (
    chosen: ArrayLike<number>,
    size: number,
    pick: (piece: (typeof pieces)[number]) => Tensor,
    silent: boolean,
  ): Tensor => {
    const [first] = pieces;
    const { dtype, shape, data } = pick(first!);
    const width = sizeOf(shape.slice(1));
    const out = new (data.constructor as new (n: number) => NumericArray)(size * width);
    for (let i = 0; i < size; i++) {
      if (i >= chosen.length && silent) break;
      const row = chosen[Math.min(i, chosen.length - 1)]!;
      const from = place[2 * row + 1]! * width;
      out.set(pick(pieces[place[2 * row]!]!).data.subarray(from, from + width) as never, i * width);
    }
    return { dtype, shape: [size, ...shape.slice(1)], data: out };
  };
  const names = Object.keys(pieces[0]?.inputs ?? {});
  return {
    rows,
    gather: (chosen, size) => ({
      inputs: Object.fromEntries(
        names.map((name) => [name, gather(chosen, size, (piece) => piece.inputs[name]!, false)]),
      ),
      target: gather(chosen, size, ({ target }) => target, false),
      weights: gather(chosen, size, ({ weights }) => weights, true),
    }),
  };
}

/** A random order of the rows, cut into batches. */
export function* minibatches(rows: ArrayLike<number>, batchSize: number, stream: RandomStream): Generator<Int32Array> {
  const order = stream.permutation(rows.length).map((i) => rows[i]!);
  for (let start = 0; start < order.length; start += batchSize) yield order.subarray(start, start + batchSize);
}
