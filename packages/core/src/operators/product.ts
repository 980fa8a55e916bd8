/** A B …: the matrix product, applied from the right. No structure follows from the factors'; see congruence.ts. */
import { MismatchError } from "../errors.ts";
import type { LinearOperator, Vector } from "./linearOperator.ts";
import { noStructure } from "./linearOperator.ts";
import { bracketed, makeOperator } from "./makeOperator.ts";

/** @throws {MismatchError} unless each factor has as many columns as the next has rows. */
export function product(...factors: readonly [LinearOperator, ...LinearOperator[]]): LinearOperator {
  for (const [i, left] of factors.entries()) requireInner(left, factors[i + 1]);
  const [first] = factors;
  const last = factors[factors.length - 1] ?? first;
  if (factors.length === 1) return first;
  const everySo = (fact: "orthonormalColumns" | "selects"): { [Name in typeof fact]?: true } =>
    factors.every(({ structure }) => structure[fact]) ? { [fact]: true } : {};
  return makeOperator({
    name: factors.map(({ name }) => bracketed(name)).join(" · "),
    shape: [first.shape[0], last.shape[1]],
    structure: { ...noStructure, ...everySo("orthonormalColumns"), ...everySo("selects") },
    multiply: (v, _, options) => chained([...factors].reverse(), v, (factor, x) => factor.apply(x, options)),
    multiplyTransposed: (v, _, options) => chained(factors, v, (factor, x) => factor.adjoint().apply(x, options)),
  });
}

function requireInner(left: LinearOperator, right: LinearOperator | undefined): void {
  if (!right || left.shape[1] === right.shape[0]) return;
  throw new MismatchError(`Cannot multiply ${left.name} and ${right.name} as the inner sizes differ`, {
    expected: left.shape[1],
    found: right.shape[0],
  });
}

async function chained(
  factors: readonly LinearOperator[],
  v: Vector,
  apply: (factor: LinearOperator, x: Vector) => Promise<Vector>,
): Promise<Vector> {
  let x = v;
  for (const factor of factors) x = await apply(factor, x);
  return x;
}
