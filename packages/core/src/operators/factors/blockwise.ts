/**
 * The operator of actions on disjoint blocks of the flat vector.
 *
 *     A = Σ_b P_b A_b P_bᵀ + ρ (I − Σ_b P_b P_bᵀ)        P_b places a block's entries in the vector
 *
 * ρ is what the entries that no block covers are multiplied by: 0, and 1/δ in a damped inverse.
 */

import type { Engine } from "../../engine/engine.ts";
import { MismatchError, UsageError } from "../../errors.ts";
import { matrix } from "../../linalg/matrix.ts";
import { type DampingRule, type LinearOperator, positiveSemidefinite, type Vector } from "../linearOperator.ts";
import { logAbsSum } from "../spectrum.ts";
import type { BlockAction } from "./action.ts";
import { blockProgram } from "./blockProgram.ts";
import type { BlockShape } from "./blocks.ts";

export interface PlacedAction {
  readonly shape: BlockShape;
  readonly action: BlockAction;
}

/** What a structured operator can invert itself to. */
export interface BlockwiseFacts {
  readonly inverse?: (damping: number, rule?: DampingRule) => Promise<LinearOperator>;
  readonly power?: (power: number, damping: number) => Promise<LinearOperator>;
  readonly logDeterminant?: (damping: number) => Promise<number>;
}

export interface BlockwiseOperator extends LinearOperator, AsyncDisposable {
  readonly placed: readonly PlacedAction[];
  /** ρ */
  readonly rest: number;
}

export interface BlockwiseOptions {
  /** Where products with many large blocks may run, in its precision; float64 here unless given. */
  readonly engine?: Engine | undefined;
  /** ρ, 0 unless said; of no effect where blocks cover every entry. */
  readonly rest?: number;
}

/**
 * @param size P, the length of the vectors.
 * @throws {UsageError} if ρ is not finite and blocks leave entries out.
 */
export function blockwise(
  name: string,
  size: number,
  blocks: readonly PlacedAction[],
  facts: BlockwiseFacts = {},
  { engine, rest: level = 0 }: BlockwiseOptions = {},
): BlockwiseOperator {
  const others = size - blocks.reduce((sum, { shape }) => sum + shape.index.length, 0);
  const rest = others === 0 ? 0 : level; // 1/0 of no entries is nothing, not NaN
  if (!Number.isFinite(rest)) {
    throw new UsageError(`Cannot make ${name} as it has no value on the ${others} entries outside its blocks`, {
      found: rest,
      try: "a positive damping",
    });
  }
  const program = blockProgram(size, blocks, rest === 0 ? engine : undefined);
  const self: BlockwiseOperator = {
    placed: blocks,
    rest,
    [Symbol.asyncDispose]: () => program[Symbol.asyncDispose](),
    name,
    shape: [size, size],
    structure: positiveSemidefinite,
    adjoint: () => self,
    apply: async (v, { k = 1, signal, out: given } = {}) => {
      if (v.length !== k * size) {
        throw new MismatchError(`Cannot apply ${name} as the vector's length is not the parameters'`, {
          expected: k * size,
          found: v.length,
        });
      }
      const reused = given?.length === v.length && given.buffer !== v.buffer;
      const out = reused ? given.fill(0) : new Float64Array(v.length);
      for (let row = 0; row < k; row++) {
        const [from, to] = [v, out].map((rows) => rows.subarray(row * size, (row + 1) * size)) as [Vector, Vector];
        if (await program.apply(from, to, signal)) continue;
        if (rest !== 0) to.set(from.map((x) => rest * x));
        for (const block of blocks) {
          signal?.throwIfAborted();
          applyBlock(block, from, to);
        }
      }
      return out;
    },
    exact: {
      trace: () => blocks.reduce((sum, { action }) => sum + action.trace, rest * others),
      squaredFrobeniusNorm: () =>
        blocks.reduce((sum, { action }) => sum + action.squaredFrobeniusNorm, rest * rest * others),
      diagonal() {
        const out = new Float64Array(size).fill(rest);
        for (const { shape, action } of blocks) place(shape.index, action.diagonal().data, out);
        return out;
      },
      ...facts,
    },
  };
  return self;
}

/** Σ log(λ + δ) over the blocks' eigenvalues, and log δ for each entry that they leave out. */
export function blockwiseLogDeterminant(spectra: readonly Vector[], size: number, damping: number): number {
  const others = size - spectra.reduce((sum, { length }) => sum + length, 0);
  const inside = spectra.reduce((sum, values) => sum + logAbsSum(values, damping), 0);
  return others === 0 ? inside : inside + others * Math.log(damping); // 0 · log 0 would be NaN
}

function applyBlock({ shape, action }: PlacedAction, v: Vector, out: Vector): void {
  const data = new Float64Array(shape.index.length);
  for (let k = 0; k < data.length; k++) data[k] = v[shape.index[k]!]!;
  place(shape.index, action.apply(matrix(shape.out, shape.in, data)).data, out);
}

function place(index: Int32Array, values: Float64Array, out: Vector): void {
  for (let k = 0; k < index.length; k++) out[index[k]!] = values[k]!;
}
