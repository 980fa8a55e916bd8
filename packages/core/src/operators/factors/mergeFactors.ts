/**
 * Factors of several parts of the data as one, and factors that follow a model as it changes.
 *
 * Counts make it exact: A is a mean over rows, G a sum over loss terms divided by their count (not for "sum").
 */
import { MismatchError, UsageError } from "../../errors.ts";
import { type Matrix, matrix } from "../../linalg/matrix.ts";
import type { Factor } from "./action.ts";
import type { KroneckerBlock, KroneckerFactors } from "./kroneckerFactors.ts";

/**
 * The factors of two parts of the data together: what one pass over both would give.
 *
 * @throws {MismatchError} if they are of other blocks, or were asked for in another way.
 * @throws {UsageError} if they are not KFAC's, whose factors alone are sums over the data.
 */
export function mergeFactors(a: KroneckerFactors, b: KroneckerFactors): KroneckerFactors {
  requireAlike(a, b);
  if (a.rule) {
    throw new UsageError(`Cannot merge factors as those of ${a.rule} are no sums over the data`, {
      try: "KFAC's factors, or one pass over all data",
    });
  }
  const rows = a.rows + b.rows;
  const count = a.count + b.count;
  const ofA = { a: a.rows / rows, b: b.rows / rows };
  const ofG = a.reduction === "sum" ? { a: 1, b: 1 } : { a: a.count / count, b: b.count / count };
  return { ...a, rows, count, blocks: a.blocks.map((block, i) => blend(block, b.blocks[i]!, ofA, ofG)) };
}

/**
 * Exponential moving average: `decay` · old + (1 − decay) · fresh, factor by factor.
 *
 * @throws {MismatchError} as `mergeFactors`.
 */
export function averageFactors(old: KroneckerFactors, fresh: KroneckerFactors, decay: number): KroneckerFactors {
  requireAlike(old, fresh);
  const shares = { a: decay, b: 1 - decay };
  return { ...fresh, blocks: old.blocks.map((block, i) => blend(block, fresh.blocks[i]!, shares, shares)) };
}

interface Shares {
  readonly a: number;
  readonly b: number;
}

function blend(x: KroneckerBlock, y: KroneckerBlock, ofA: Shares, ofG: Shares): KroneckerBlock {
  const g = sum(x.g, y.g, ofG) as Matrix;
  return x.a && y.a ? { ...x, g, a: sum(x.a, y.a, ofA) } : { ...x, g };
}

function sum(x: Factor, y: Factor, { a, b }: Shares): Factor {
  const data = (f: Factor): Float64Array => (f instanceof Float64Array ? f : f.data);
  const blended = data(x).map((xi, i) => a * xi + b * data(y)[i]!);
  return x instanceof Float64Array ? blended : matrix(x.rows, x.columns, blended);
}

function requireAlike(a: KroneckerFactors, b: KroneckerFactors): void {
  const shape = ({ blocks, request, reduction, rule }: KroneckerFactors): string =>
    JSON.stringify([
      rule ?? "kfac",
      blocks.map(({ name, out, in: width }) => [name, out, width]),
      request.fisher,
      request.approximation,
      request.bias,
      request.groups,
      reduction,
    ]);
  const [of, other] = [shape(a), shape(b)];
  if (of === other) return;
  const at = [...of].findIndex((c, i) => c !== other[i]);
  throw new MismatchError("Cannot merge factors as they are of different layers or were made in different ways", {
    expected: of.slice(Math.max(0, at - 30), at + 30),
    found: other.slice(Math.max(0, at - 30), at + 30),
    try: "make both with the same model, parameters and options",
  });
}
