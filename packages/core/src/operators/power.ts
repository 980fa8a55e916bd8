/** Aⁿ for a whole n ≥ 0, as n products. For other powers see the operator's own `exact.power`, for n < 0 inverse(). */
import { UsageError } from "../errors.ts";
import { sum } from "../linalg/vector.ts";
import { identity } from "./identity.ts";
import type { LinearOperator, Vector } from "./linearOperator.ts";
import { bracketed, type Facts, makeOperator, requireSquare } from "./makeOperator.ts";
import { logAbsSum } from "./spectrum.ts";

/**
 * @throws {MismatchError} unless A is square.
 * @throws {UsageError} unless n is a whole number from 0.
 */
export function power(a: LinearOperator, n: number): LinearOperator {
  const side = requireSquare(a, "take a power of");
  if (!(Number.isInteger(n) && n >= 0)) {
    throw new UsageError(`Cannot take the power of ${a.name} as the exponent is not a whole number from 0`, {
      found: n,
      try: "inverse() for negative exponents, exact.power for fractions",
    });
  }
  if (n === 0) return identity(side);
  if (n === 1) return a;
  const { selfAdjoint, positiveSemidefinite } = a.structure;
  return makeOperator({
    name: `${bracketed(a.name)}^${n}`,
    shape: a.shape,
    structure: { selfAdjoint, positiveSemidefinite: positiveSemidefinite || (selfAdjoint && n % 2 === 0) },
    multiply: (v, _, options) => repeated(n, v, (x) => a.apply(x, options)),
    multiplyTransposed: (v, _, options) => repeated(n, v, (x) => a.adjoint().apply(x, options)),
    exact: spectralFacts(a, n),
  });
}

async function repeated(n: number, v: Vector, product: (x: Vector) => Promise<Vector>): Promise<Vector> {
  let x = v;
  for (let i = 0; i < n; i++) x = await product(x);
  return x;
}

function spectralFacts({ exact = {}, structure }: LinearOperator, n: number): Facts {
  const { eigenvalues, squaredFrobeniusNorm, trace } = exact;
  if (!structure.selfAdjoint) return {};
  const square = n === 2 && squaredFrobeniusNorm ? { trace: () => squaredFrobeniusNorm.call(exact) } : {}; // tr AAᵀ
  if (!eigenvalues) return square;
  const raised = async (): Promise<Vector> => (await eigenvalues.call(exact)).map((value) => value ** n);
  return {
    trace: trace && (async () => sum(await raised())),
    ...square,
    squaredFrobeniusNorm: async () => sum((await raised()).map((x) => x * x)),
    logDeterminant: async (damping) => logAbsSum(await raised(), damping),
    eigenvalues: raised,
  };
}
