/**
 * Iterative methods written for one vector, run for K vectors at once.
 *
 * A method is a generator: it yields the product it needs next and is resumed with the result. `lockstep` runs one
 * generator a row and answers all rows' requests for the same operator by one product of as many rows. A row that has
 * finished costs nothing more.
 */
import type { LinearOperator } from "../operators/linearOperator.ts";
import { row } from "./vector.ts";

/** A product that a method waits for. */
export interface Product {
  readonly by: LinearOperator;
  readonly of: Float64Array;
}

export type Method<Result> = Generator<Product, Result, Float64Array>;

/** `yield* times(a, v)` is A v, within a method. */
export function* times(by: LinearOperator, of: Float64Array): Method<Float64Array> {
  return yield { by, of };
}

export interface LockstepOptions {
  readonly signal?: AbortSignal;
  /** Called after each round of products. */
  readonly onProgress?: ((progress: Progress) => void) | undefined;
}

export interface Progress {
  /** Products of one vector so far, over all rows and operators. */
  readonly products: number;
  /** Rows that are not finished. */
  readonly active: number;
}

export interface LockstepResult<Result> {
  /** In the order of the methods. */
  readonly results: Result[];
  readonly products: number;
}

interface Row<Result> {
  readonly index: number;
  readonly method: Method<Result>;
  readonly request: Product;
}

/** Runs all methods to their end. */
export async function lockstep<Result>(
  methods: readonly Method<Result>[],
  options: LockstepOptions = {},
): Promise<LockstepResult<Result>> {
  const results = new Array<Result>(methods.length);
  let products = 0;
  const advance = (index: number, method: Method<Result>, answer?: Float64Array): Row<Result>[] => {
    const step = answer === undefined ? method.next() : method.next(answer);
    if (!step.done) return [{ index, method, request: step.value }];
    results[index] = step.value;
    return [];
  };
  let active = methods.flatMap((method, index) => advance(index, method));
  while (active.length > 0) {
    options.signal?.throwIfAborted();
    const answers = await answer(active, options.signal);
    products += active.length;
    active = active.flatMap(({ index, method }, i) => advance(index, method, answers[i]!));
    options.onProgress?.({ products, active: active.length });
  }
  return { results, products };
}

/** One product an operator, of all the rows that wait for it. */
async function answer<Result>(rows: readonly Row<Result>[], signal: AbortSignal | undefined): Promise<Float64Array[]> {
  const answers = new Array<Float64Array>(rows.length);
  for (const operator of new Set(rows.map(({ request }) => request.by))) {
    const [m, n] = operator.shape;
    const mine = rows.flatMap(({ request }, i) => (request.by === operator ? [{ i, vector: request.of }] : []));
    const block = new Float64Array(mine.length * n);
    for (const [at, { vector }] of mine.entries()) block.set(vector, at * n);
    const products = await operator.apply(block, { k: mine.length, ...(signal && { signal }) });
    for (const [at, { i }] of mine.entries()) answers[i] = mine.length === 1 ? products : row(products, at, m).slice();
  }
  return answers;
}
