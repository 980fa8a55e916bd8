/**
 * The loss's curvature by the gates of a model: C = VᵀV, a column a unit.
 *
 *     empirical    V = √(w_n/N) ∂ℓ_n/∂m          a row of V for each row of the data: Fisher, by its labels
 *     type-2       V = √s S_cᵀ ∂f_n/∂m           for each row and output: the exact GGN, without labels
 */
import {
  createProblem,
  type Dataset,
  type Engine,
  type Loss,
  type Matrix,
  matrix,
  readModel,
  storedName,
} from "@hessonite/core";
import { type DirectionKind, directionsFor } from "../../curvature/directions.ts";
import type { GatedModel } from "./gates.ts";

export interface GateOptions {
  readonly data: Dataset;
  readonly loss: Loss;
  readonly engine?: Engine | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** V with a column for each unit, and where each unit's is. Gates of one unit are one variable: their columns add up. */
export interface GateDirections {
  readonly rows: Matrix;
  readonly column: ReadonlyMap<number, number>;
}

/**
 * @throws {UsageError} if "empirical" is asked for and the data have no labels, or V does not fit into memory.
 *
 * Cost: a gradient for each row, or for each row and output; memory for as many numbers a unit.
 */
export async function gateDirections(
  { file, gates }: GatedModel,
  kind: DirectionKind,
  { data, loss, engine, signal }: GateOptions,
): Promise<GateDirections> {
  await using problem = await createProblem({
    model: await readModel(file),
    data,
    loss,
    parameters: gates.map(({ name }) => name),
    checks: { deterministic: false },
    ...(engine ? { engine } : {}),
    ...(signal ? { signal } : {}),
  });
  const { rows: v } = await directionsFor(problem, kind, signal ? { signal } : {});
  const byName = new Map(gates.map(({ name, channels }) => [name, channels]));
  const stored = new Map([...problem.model.initializers.values()].map((one) => [one.name, storedName(one)]));
  const units = problem.space.parameters.flatMap(({ name }) => [...byName.get(stored.get(name) ?? name)!]);
  const column = new Map<number, number>();
  for (const unit of units) if (unit >= 0 && !column.has(unit)) column.set(unit, column.size);
  const rows = matrix(v.rows, column.size);
  for (let r = 0; r < v.rows; r++)
    units.forEach((unit, at) => {
      if (unit >= 0) rows.data[r * rows.columns + column.get(unit)!]! += v.data[r * v.columns + at]!;
    });
  return { rows, column };
}
