import { describe, expect, it } from "vitest";
import { fromRows } from "../linalg/matrix.ts";
import { denseOperator } from "../operators/denseOperator.ts";
import {
  type ApplyOptions,
  type LinearOperator,
  noStructure,
  type Structure,
  selfAdjoint,
  type Vector,
} from "../operators/linearOperator.ts";
import { randomStream } from "../random/random.ts";
import { checkOperator } from "./checkOperator.ts";

const rows = [
  [2, 1, 0],
  [1, 3, -1],
  [0, -1, 4],
];
const good = denseOperator(fromRows(rows), { positiveSemidefinite: true });
const lopsided = [
  [2, 1, 0],
  [0, 3, -1],
  [0, -1, 4],
];
const check = (a: LinearOperator, matrix = rows): Promise<void> => checkOperator(a, matrix, randomStream(3));

/** A good operator but for one thing; its own adjoint. */
function broken(change: Partial<LinearOperator>): LinearOperator {
  const self: LinearOperator = { ...good, adjoint: () => self, ...change };
  return self;
}

const structure = (claimed: Partial<Structure>): Structure => ({ ...good.structure, ...claimed });
const exact = (facts: NonNullable<LinearOperator["exact"]>): LinearOperator => broken({ exact: facts });
let count = 0;
const remembered = new Map<string, Vector>();

/** A good operator that is not symmetric but for one thing, of it or of its adjoint. */
const skewed = denseOperator(fromRows(lopsided));
function lopsidedBut(change: Partial<LinearOperator>, ofAdjoint: Partial<LinearOperator> = {}): LinearOperator {
  const transposed: LinearOperator = { ...skewed.adjoint(), adjoint: () => self, ...ofAdjoint };
  const self: LinearOperator = { ...skewed, adjoint: () => transposed, ...change };
  return self;
}
/** One row of K in another's place. */
const mixed: LinearOperator["apply"] = async (v, options) => {
  const result = await good.apply(v, options);
  return options?.k === 5 ? Float64Array.from(result, (_, i) => result[(i + 3) % 15]!) : result;
};
/** Positive in nearly every direction. */
const nearlyDefinite = [
  [100, 100, 0],
  [100, 99.99, 0],
  [0, 0, 100],
];
/** A product leaves its vector where the next one, begun meanwhile, writes its own. */
const shared = new Float64Array(3);
async function throughSharedMemory(v: Vector, options?: ApplyOptions): Promise<Vector> {
  if (v.length !== 3) return good.apply(v, options);
  shared.set(v);
  await Promise.resolve();
  return good.apply(shared.slice(), options);
}

const failures: readonly (readonly [claim: string, LinearOperator, matrix?: number[][]])[] = [
  ["the shape is the matrix's", broken({ shape: [3, 2] })],
  ["A v is the matrix's product", good, [...rows.slice(0, 2), [0, -1, 4.001]]],
  [
    "A v leaves v as it was",
    broken({
      apply(v, options) {
        v[0] = 0;
        return good.apply(v, options);
      },
    }),
  ],
  [
    "A is linear",
    broken({
      apply: async (v, options) => (await good.apply(v, options)).map((x) => (count++ < 3 ? x : x + 1e-6 * x * x)),
    }),
  ],
  [
    "an earlier result of A v stays",
    broken({
      async apply(v, options) {
        const key = v.join();
        const result = remembered.get(key) ?? (await good.apply(v, options));
        remembered.set(key, result);
        return result;
      },
    }),
  ],
  [
    "row 1 of A's product with 5 rows",
    broken({
      async apply(v, options) {
        const result = await good.apply(v, options);
        return options?.k === 5 ? result.map((x, i) => (i === 4 ? 0 : x)) : result;
      },
    }),
  ],
  [
    "rejects a vector of 4 entries",
    broken({
      apply: (v, options) => good.apply(options?.k === undefined || options.k === 1 ? v.slice(0, 3) : v, options),
    }),
  ],
  [
    "rejects a vector of the wrong length by a MismatchError",
    broken({
      async apply(v, options) {
        if (v.length % 3 !== 0) throw new Error("no");
        return good.apply(v, options);
      },
    }),
  ],
  [
    "Aᵀ v is the matrix's product",
    broken({ structure: noStructure, adjoint: () => denseOperator(fromRows(lopsided)) }),
  ],
  ["a self-adjoint operator is its own adjoint", broken({ adjoint: () => denseOperator(fromRows(rows)) })],
  ["a semidefinite operator is self-adjoint", broken({ structure: structure({ selfAdjoint: false }) })],
  ["a semidefinite operator has no negative eigenvalue", negative(), rows.map((row) => row.map((x) => -x))],
  ["AᵀA = I", broken({ structure: structure({ orthonormalColumns: true }) })],
  ["each row selects one entry or none", broken({ structure: structure({ selects: true }) })],
  ["the operator knows its trace", exact({ trace: () => 8 })],
  ["the operator knows its diagonal", exact({ diagonal: () => Float64Array.of(2, 3, 5) })],
  ["the operator knows its norm", exact({ squaredFrobeniusNorm: () => 32 })],
  ["the operator knows its log-determinant", exact({ logDeterminant: () => Math.log(18) })],
  ["the operator knows its inverse", exact({ inverse: () => good })],
  ["the operator knows its power -1", exact({ power: () => good })],
  ["the operator knows its eigenvalues", exact({ eigenvalues: () => Float64Array.of(2, 3, 4) })],
  ["toDense gives the matrix", exact({ dense: () => new Float64Array(9) })],
  ["row 0 of A's product with 5 rows", broken({ apply: mixed })],
  ["A's products do not disturb each other", broken({ apply: throughSharedMemory })],
  ["Aᵀ v is the matrix's product", lopsidedBut({ adjoint: () => skewed }), lopsided],
  ["Aᵀ v is the matrix's product", falselySymmetric(), lopsided],
  ["the adjoint's adjoint is A", lopsidedBut({}, { adjoint: () => skewed.adjoint() }), lopsided],
  [
    "a semidefinite operator has no negative eigenvalue",
    denseOperator(fromRows(nearlyDefinite), { positiveSemidefinite: true }),
    nearlyDefinite,
  ],
  ["toDense gives the matrix", lopsidedBut({ exact: { dense: () => skewed.adjoint().exact!.dense!() } }), lopsided],
  [
    "toDense gives the transposed matrix",
    lopsidedBut({}, { exact: { dense: () => skewed.exact!.dense!() } }),
    lopsided,
  ],
  ["AᵀA = I", lopsidedBut({}, { structure: structure({ ...noStructure, orthonormalColumns: true }) }), lopsided],
  ["the operator knows its trace", lopsidedBut({}, { exact: { trace: () => 8 } }), lopsided],
  ["the operator knows its inverse", lopsidedBut({ exact: { inverse: () => skewed } }), lopsided],
  ["the operator knows its power 0.5", exact({ power: async (power, damping) => onlyNegative(power, damping) })],
  ["the operator knows its scalar", exact({ scalar: () => 3 })],
];

const named = failures.map(([claim, operator, matrix]) => ({ claim, operator, matrix }));

/** Answers every positive power with another. */
async function onlyNegative(power: number, damping: number): Promise<LinearOperator> {
  return good.exact!.power!(power > 0 ? 1 : power, damping);
}

/** Says that it is symmetric, and hands itself out as its adjoint. */
function falselySymmetric(): LinearOperator {
  const self: LinearOperator = { ...skewed, structure: selfAdjoint, adjoint: () => self };
  return self;
}

function negative(): LinearOperator {
  const self: LinearOperator = {
    ...good,
    exact: {},
    apply: async (v, options) => (await good.apply(v, options)).map((x) => -x),
    adjoint: () => self,
  };
  return self;
}

describe("checkOperator", () => {
  it("is content with an operator that keeps its promises", async () => {
    await check(good);
    await check(skewed, lopsided);
  });

  it.each(named)("finds a broken promise: $claim", async ({ claim, operator, matrix }) => {
    await expect(check(operator, matrix)).rejects.toThrow(claim);
  });
});
