/**
 * A + B + …, and damping with it: `sum(a, scale(delta, identity(n)))` knows what `a` knows of A + δ I.
 *
 *     (R + s I + δ I)⁻¹ = R.inverse(s + δ)      so do log-determinants, powers and eigenvalues
 */

import { UsageError } from "../errors.ts";
import { axpy, sum as sumOf } from "../linalg/vector.ts";
import { identity } from "./identity.ts";
import type { LinearOperator } from "./linearOperator.ts";
import { type Facts, fromAll, makeOperator, requireSameShape } from "./makeOperator.ts";
import { scale } from "./scale.ts";

/** @throws {MismatchError} unless all have one shape. */
export function sum(...parts: readonly [LinearOperator, ...LinearOperator[]]): LinearOperator {
  requireSameShape(parts, "add");
  const [first] = parts;
  if (parts.length === 1) return first;
  return makeOperator({
    name: parts.map(({ name }) => name).join(" + "),
    shape: first.shape,
    structure: {
      selfAdjoint: parts.every(({ structure }) => structure.selfAdjoint),
      positiveSemidefinite: parts.every(({ structure }) => structure.positiveSemidefinite),
    },
    multiply: (v, _, options) => added(parts, (part) => part.apply(v, options)),
    multiplyTransposed: (v, _, options) => added(parts, (part) => part.adjoint().apply(v, options)),
    exact: { ...additiveFacts(parts), ...shiftedFacts(parts) },
  });
}

/** One after the other: parts may share an engine, and the order of summation is fixed. */
async function added(
  parts: readonly LinearOperator[],
  product: (part: LinearOperator) => Promise<Float64Array>,
): Promise<Float64Array> {
  let total: Float64Array | undefined;
  for (const part of parts) {
    const one = await product(part);
    if (total) axpy(1, one, total);
    else total = one;
  }
  return total ?? new Float64Array(0);
}

function additiveFacts(parts: readonly LinearOperator[]): Facts {
  const vectors = async (facts: readonly (() => Float64Array | Promise<Float64Array>)[]): Promise<Float64Array> => {
    const [first, ...others] = await Promise.all(facts.map((fact) => fact()));
    const total = (first ?? new Float64Array(0)).slice();
    for (const other of others) axpy(1, other, total);
    return total;
  };
  return {
    trace: fromAll(
      parts,
      (exact) => exact.trace?.bind(exact),
      (all) => async () => sumOf(Float64Array.from(await Promise.all(all.map((trace) => trace())))),
    ),
    diagonal: fromAll(
      parts,
      (exact) => exact.diagonal?.bind(exact),
      (all) => () => vectors(all),
    ),
    dense: fromAll(
      parts,
      (exact) => exact.dense?.bind(exact),
      (all) => () => vectors(all),
    ),
  };
}

/** Facts of R + s I, where all parts but R are multiples of the identity and s ≥ 0. */
function shiftedFacts(parts: readonly LinearOperator[]): Facts {
  const scalars = parts.flatMap(({ exact }) => exact?.scalar?.() ?? []);
  const shift = scalars.reduce((total, s) => total + s, 0);
  const rest = parts.filter(({ exact }) => exact?.scalar === undefined);
  const n = parts[0]?.shape[0] ?? 0;
  if (rest.length === 0) return scale(shift, identity(n)).exact ?? {};
  const [only] = rest;
  if (rest.length > 1 || shift < 0 || !only?.exact) return {};
  const { exact } = only;
  const { trace, squaredFrobeniusNorm, logDeterminant, inverse, power, eigenvalues } = exact;
  return {
    // ‖R + s I‖² = ‖R‖² + 2 s tr R + n s²
    squaredFrobeniusNorm:
      trace &&
      squaredFrobeniusNorm &&
      (async () =>
        (await squaredFrobeniusNorm.call(exact)) + 2 * shift * (await trace.call(exact)) + n * shift * shift),
    logDeterminant: logDeterminant && ((damping) => logDeterminant.call(exact, damping + shift)),
    inverse: inverse && ((damping, rule) => inverse.call(exact, damping + shift, rule)),
    power: power && ((p, damping) => power.call(exact, p, damping + shift)),
    eigenvalues: eigenvalues && (async () => (await eigenvalues.call(exact)).map((value) => value + shift)),
  };
}

/** A + δ I. */
export function damped(a: LinearOperator, damping: number): LinearOperator {
  const [rows, columns] = a.shape;
  if (rows !== columns)
    throw new UsageError(`Cannot damp ${a.name} as it is not square`, { found: `${rows} × ${columns}` });
  return damping === 0 ? a : sum(a, scale(damping, identity(rows)));
}
