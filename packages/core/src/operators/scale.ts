/** s A */
import { UsageError } from "../errors.ts";
import type { ExactFacts, LinearOperator } from "./linearOperator.ts";
import { bracketed, type Facts, makeOperator } from "./makeOperator.ts";

/** @throws {UsageError} unless s is finite. */
export function scale(s: number, a: LinearOperator): LinearOperator {
  if (!Number.isFinite(s)) throw new UsageError(`Cannot scale ${a.name} as the factor is not finite`, { found: s });
  const { selfAdjoint, positiveSemidefinite } = a.structure;
  const times = (v: Float64Array): Float64Array => v.map((x) => s * x);
  return makeOperator({
    name: s === -1 ? `−${bracketed(a.name)}` : `${s} · ${bracketed(a.name)}`,
    shape: a.shape,
    structure: { selfAdjoint, positiveSemidefinite: selfAdjoint && ((positiveSemidefinite && s > 0) || s === 0) },
    multiply: async (v, _, options) => times(await a.apply(v, options)),
    multiplyTransposed: async (v, _, options) => times(await a.adjoint().apply(v, options)),
    exact: { ...linearFacts(s, a.exact ?? {}), ...(s > 0 && spectralFacts(s, a)) },
  });
}

function linearFacts(s: number, exact: ExactFacts): Facts {
  const { trace, diagonal, squaredFrobeniusNorm, dense, eigenvalues, scalar } = exact;
  const scaled = async (v: Float64Array | Promise<Float64Array>): Promise<Float64Array> => (await v).map((x) => s * x);
  return {
    trace: trace && (async () => s * (await trace.call(exact))),
    diagonal: diagonal && (() => scaled(diagonal.call(exact))),
    squaredFrobeniusNorm: squaredFrobeniusNorm && (async () => s * s * (await squaredFrobeniusNorm.call(exact))),
    dense: dense && (() => scaled(dense.call(exact))),
    eigenvalues: eigenvalues && (() => scaled(eigenvalues.call(exact))),
    scalar: scalar && (() => s * scalar.call(exact)),
  };
}

/** s A + δ I = s (A + δ/s I), for s > 0. */
function spectralFacts(s: number, { exact = {}, shape: [n] }: LinearOperator): Facts {
  const { logDeterminant, inverse, power } = exact;
  return {
    logDeterminant:
      logDeterminant && (async (damping) => n * Math.log(s) + (await logDeterminant.call(exact, damping / s))),
    inverse: inverse && (async (damping, rule) => scale(1 / s, await inverse.call(exact, damping / s, rule))),
    power: power && (async (p, damping) => scale(s ** p, await power.call(exact, p, damping / s))),
  };
}
