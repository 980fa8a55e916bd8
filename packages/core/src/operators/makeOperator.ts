/**
 * The frame that operators stand in: lengths are checked, an adjoint is made once, absent facts are left out.
 *
 * An operator is then its formula: `multiply`, and `multiplyTransposed` unless it is self-adjoint.
 */
import { MismatchError } from "../errors.ts";
import { transpose } from "../linalg/matrix.ts";
import type { ApplyOptions, ExactFacts, LinearOperator, Structure, Vector } from "./linearOperator.ts";

/** A v for each of the `k` rows of `v`, whose length has been checked; `v` is not written to. */
export type Multiply = (v: Vector, k: number, options: ApplyOptions) => Vector | Promise<Vector>;

/** Facts of which some may turn out to be unknown. */
export type Facts = { readonly [Name in keyof ExactFacts]?: ExactFacts[Name] | undefined };

export interface OperatorParts {
  readonly name: string;
  readonly shape: readonly [rows: number, columns: number];
  readonly structure: Structure;
  readonly multiply: Multiply;
  /** Aᵀ u; needed unless the operator is self-adjoint. */
  readonly multiplyTransposed?: Multiply;
  /** Of Aᵀ, beside what follows from A's. */
  readonly transposedStructure?: Structure;
  readonly exact?: Facts;
}

export function makeOperator(parts: OperatorParts): LinearOperator {
  const { multiplyTransposed, ...forward } = parts;
  const self: LinearOperator = {
    ...framed(forward),
    adjoint: () => (parts.structure.selfAdjoint ? self : transposed()),
  };
  let backward: LinearOperator | undefined;
  const transposed = (): LinearOperator => {
    if (!multiplyTransposed) throw new Error(`internal: ${parts.name} lacks its transposed product`);
    backward ??= { ...framed({ ...parts, ...mirrored(parts), multiply: multiplyTransposed }), adjoint: () => self };
    return backward;
  };
  return self;
}

function framed({ name, shape, structure, multiply, exact }: OperatorParts): Omit<LinearOperator, "adjoint"> {
  return {
    name,
    shape,
    structure,
    exact: known(exact ?? {}),
    async apply(v, options = {}) {
      const { k = 1, signal } = options;
      requireRows(name, shape[1], v, k);
      return multiply(v, k, { k, ...(signal && { signal }) }); // `out` is of this product alone
    },
  };
}

/** What is known of Aᵀ from A. */
function mirrored({ name, shape, exact = {}, transposedStructure }: OperatorParts): Partial<OperatorParts> {
  const [rows, columns] = shape;
  const { trace, diagonal, squaredFrobeniusNorm, dense } = exact;
  return {
    name: `${bracketed(name)}ᵀ`,
    shape: [columns, rows],
    structure: transposedStructure ?? { selfAdjoint: false, positiveSemidefinite: false },
    exact: {
      trace,
      diagonal,
      squaredFrobeniusNorm,
      dense: dense && (async () => transpose({ rows, columns, data: await dense() }).data),
    },
  };
}

function known(facts: Facts): ExactFacts {
  return Object.fromEntries(Object.entries(facts).filter(([, fact]) => fact !== undefined));
}

/**
 * A fact of a whole from the same fact of all its parts; undefined where one part does not know it.
 *
 * @param fact `(exact) => exact.trace?.bind(exact)`
 */
export function fromAll<Fact, Whole>(
  parts: readonly LinearOperator[],
  fact: (exact: ExactFacts) => Fact | undefined,
  whole: (facts: readonly Fact[]) => Whole,
): Whole | undefined {
  const facts = parts.flatMap(({ exact }) => (exact && fact(exact)) ?? []);
  return facts.length === parts.length ? whole(facts) : undefined;
}

/** @throws {MismatchError} unless `v` holds `k` rows of `columns` entries. */
export function requireRows(name: string, columns: number, v: Vector, k: number): void {
  if (v.length === k * columns) return;
  throw new MismatchError(`Cannot apply ${name} as the vector's length is not the number of its columns`, {
    expected: k === 1 ? columns : `${k} × ${columns} = ${k * columns}`,
    found: v.length,
  });
}

/** @throws {MismatchError} unless A is square. */
export function requireSquare({ name, shape: [rows, columns] }: LinearOperator, action: string): number {
  if (rows === columns) return rows;
  throw new MismatchError(`Cannot ${action} ${name} as it is not square`, { found: `${rows} × ${columns}` });
}

/** @throws {MismatchError} unless all shapes are the same. */
export function requireSameShape(parts: readonly LinearOperator[], action: string): void {
  const [first, ...others] = parts;
  const other = others.find(({ shape }) => shape[0] !== first?.shape[0] || shape[1] !== first?.shape[1]);
  if (!first || !other) return;
  throw new MismatchError(`Cannot ${action} ${first.name} and ${other.name} as their shapes differ`, {
    expected: first.shape.join(" × "),
    found: other.shape.join(" × "),
  });
}

/** A name as a factor in a longer one. */
export function bracketed(name: string): string {
  return /[+−⊕⊗·]/.test(name) ? `(${name})` : name;
}
