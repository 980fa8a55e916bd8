/**
 * P A Pᵀ: A seen through P, with A's symmetry and semidefiniteness.
 *
 * Where P has orthonormal columns (a permutation, a selection's transpose), eigenvalues stay and zeros join them:
 *
 *     f(P A Pᵀ + δ I) = P f(A + δ I) Pᵀ + f(δ) (I − P Pᵀ)
 */
import { MismatchError } from "../errors.ts";
import { identity } from "./identity.ts";
import { type ApplyOptions, type LinearOperator, positiveSemidefinite, type Vector } from "./linearOperator.ts";
import { bracketed, type Facts, makeOperator, requireSquare } from "./makeOperator.ts";
import { scale } from "./scale.ts";
import { raised } from "./spectrum.ts";
import { sum } from "./sum.ts";

/** @throws {MismatchError} unless A is square with as many rows as P has columns. */
export function congruence(p: LinearOperator, a: LinearOperator): LinearOperator {
  const inner = requireSquare(a, "make a congruence of");
  const [n, columns] = p.shape;
  if (columns !== inner) {
    throw new MismatchError(`Cannot make the congruence of ${a.name} by ${p.name} as their sizes differ`, {
      expected: inner,
      found: columns,
    });
  }
  const through =
    (middle: LinearOperator) =>
    async (v: Vector, _: number, options: ApplyOptions): Promise<Vector> =>
      p.apply(await middle.apply(await p.adjoint().apply(v, options), options), options);
  return makeOperator({
    name: `${bracketed(p.name)} · ${bracketed(a.name)} · ${bracketed(p.name)}ᵀ`,
    shape: [n, n],
    structure: { selfAdjoint: a.structure.selfAdjoint, positiveSemidefinite: a.structure.positiveSemidefinite },
    multiply: through(a),
    multiplyTransposed: (v, k, options) => through(a.adjoint())(v, k, options),
    exact: { ...(p.structure.orthonormalColumns && isometricFacts(p, a)), diagonal: selectedDiagonal(p, a) },
  });
}

/** diag(P A Pᵀ) = P diag(A), where each row of P selects an entry or none. */
function selectedDiagonal(p: LinearOperator, { exact = {} }: LinearOperator): Facts["diagonal"] {
  const { diagonal } = exact;
  return p.structure.selects && diagonal ? async () => p.apply(await diagonal.call(exact)) : undefined;
}

function isometricFacts(p: LinearOperator, { exact = {} }: LinearOperator): Facts {
  const [n, columns] = p.shape;
  const others = n - columns;
  const { trace, squaredFrobeniusNorm, logDeterminant, inverse, power, eigenvalues } = exact;
  return {
    trace: trace?.bind(exact),
    squaredFrobeniusNorm: squaredFrobeniusNorm?.bind(exact),
    logDeterminant:
      logDeterminant &&
      (async (damping) =>
        (await logDeterminant.call(exact, damping)) + (others === 0 ? 0 : others * Math.log(Math.abs(damping)))),
    inverse: inverse && (async (damping, rule) => outside(p, await inverse.call(exact, damping, rule), [-1, damping])),
    power:
      power &&
      (async (exponent, damping) => outside(p, await power.call(exact, exponent, damping), [exponent, damping])),
    eigenvalues:
      eigenvalues &&
      (async () => {
        const all = new Float64Array(n);
        all.set(await eigenvalues.call(exact));
        return all;
      }),
  };
}

/** P F Pᵀ + δ^p (I − P Pᵀ) */
function outside(p: LinearOperator, f: LinearOperator, [power, damping]: readonly [number, number]): LinearOperator {
  const [n, columns] = p.shape;
  const inside = congruence(p, f);
  if (n === columns) return inside;
  const [rest = 0] = raised(Float64Array.of(0), power, damping, `what ${p.name} leaves out`);
  return rest === 0 ? inside : sum(inside, scale(rest, complement(p)));
}

/** I − P Pᵀ, a projection. */
function complement(p: LinearOperator): LinearOperator {
  const [n, columns] = p.shape;
  const onto = congruence(p, identity(columns));
  return makeOperator({
    name: `I − ${bracketed(onto.name)}`,
    shape: [n, n],
    structure: positiveSemidefinite,
    async multiply(v, _, options) {
      const inside = await onto.apply(v, options);
      return v.map((x, at) => x - (inside[at] ?? 0));
    },
    exact: { trace: () => n - columns, squaredFrobeniusNorm: () => n - columns },
  });
}
