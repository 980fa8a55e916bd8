/** Weights that are permuted copies of another model's. */
import { chooseParameters, type Tensor } from "@hessonite/core";
import type { NamedModel } from "./sameArchitecture.ts";

/** A parameter whose rows stand in another order than the first model's. */
export interface PermutedParameter {
  readonly model: string;
  readonly parameter: string;
  /** Share of rows whose nearest row of the first model has another number. */
  readonly moved: number;
}

/** Cosine from which a row counts as the copy of another. */
const alike = 0.9;

/**
 * Weights whose rows (output units) are found in the first model, but elsewhere, and those that hold the first model's numbers in
 * another order (inputs permuted, or both): averaging such models mixes unrelated units.
 *
 * Cost: rows² · columns for each parameter.
 */
export function permutedParameters(models: readonly NamedModel[]): PermutedParameter[] {
  const [first, ...others] = models;
  if (!first) return [];
  return others.flatMap(({ name, model }) =>
    chooseParameters(model).flatMap(({ chosen, initializer }): PermutedParameter[] => {
      const original = first.model.initializers.get(initializer.name);
      if (!chosen || !original || initializer.shape.length < 2 || original.shape.join() !== initializer.shape.join())
        return [];
      const [own, others] = [original.read(), initializer.read()];
      const moved = Math.max(movedShare(rowsOf(own), rowsOf(others)), reorderedShare(own, others));
      return moved > 0.5 ? [{ model: name, parameter: initializer.name, moved }] : [];
    }),
  );
}

function movedShare(original: readonly Float64Array[], rows: readonly Float64Array[]): number {
  let [moved, copies] = [0, 0];
  for (const [i, row] of rows.entries()) {
    const similar = original.map((other) => row.reduce((sum, x, k) => sum + x * (other[k] ?? 0), 0));
    const nearest = similar.indexOf(Math.max(...similar));
    if ((similar[nearest] ?? 0) < alike) continue;
    copies++;
    if (nearest !== i && (similar[i] ?? 0) < alike) moved++;
  }
  return copies < rows.length / 2 ? 0 : moved / rows.length;
}

/** The share of entries that differ where all are the same numbers in another order; 0 where they are not. */
function reorderedShare(first: Tensor, other: Tensor): number {
  const [a, b] = [Float64Array.from(first.data), Float64Array.from(other.data)];
  const differing = a.reduce((count, x, k) => count + Number(x !== b[k]), 0);
  if (differing === 0) return 0;
  a.sort();
  b.sort();
  return a.every((x, k) => x === b[k]) ? differing / a.length : 0;
}

/** Rows as unit vectors. */
function rowsOf({ shape, data }: Tensor): Float64Array[] {
  const rows = shape[0] ?? 1;
  const width = data.length / rows;
  return Array.from({ length: rows }, (_, row) => {
    const own = Float64Array.from(data.subarray(row * width, (row + 1) * width));
    const norm = Math.hypot(...own) || 1;
    return own.map((x) => x / norm);
  });
}
