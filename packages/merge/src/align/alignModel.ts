/**
 * Weight matching: a model's units are put in the order in which they most resemble another model's, before the two are merged.
 *
 *     max over permutations  Σ ⟨θ_reference, P(θ)⟩        over the merged tensors
 *
 * Networks trained apart have the same units in other orders, or nearly: their average is poor where its units do not fit.
 * One layer's order at a time is the best there is, given the others' (a linear assignment), until no layer's changes.
 *
 * Source: Ainsworth, Hayase & Srinivasa (2023), Git Re-Basin: merging models modulo permutation symmetries, ICLR (algorithm 1).
 */
import { editModel, fromRows, type Matrix, type ModelFile, matmulAside, type Tensor } from "@hessonite/core";
import { linearSumAssignment } from "linear-sum-assignment";
import { requireSameArchitecture } from "../models/sameArchitecture.ts";
import { reordered, slicesAlong, type UnitGroup, unitGroups } from "./unitGroups.ts";

export interface AlignOptions {
  /** Shape of every model input; lengths do not matter where the model leaves them open. */
  readonly shapes: Readonly<Record<string, readonly number[]>>;
  readonly signal?: AbortSignal;
}

export interface AlignedGroup {
  /** The layers that make its units. */
  readonly name: string;
  readonly units: number;
  /** Units that have another place now. */
  readonly moved: number;
}

export interface Alignment {
  /** The model's file with its units in the reference's order; it computes what it did. */
  readonly bytes: Uint8Array;
  readonly groups: readonly AlignedGroup[];
  /** Cosine of the merged tensors of both models, before and after. */
  readonly similarity: { readonly before: number; readonly after: number };
}

/** Times that every layer is looked at, at most. */
const mostSweeps = 100;

/**
 * @throws {MismatchError} if the models' graphs or shapes differ.
 *
 * Cost: for each group of n units, each time: n² products of what its tensors hold of a unit, and an assignment, n³ at worst.
 *
 * @example
 * ```ts no-run
 * const [a, b] = [await readModelFile("a.onnx"), await readModelFile("b.onnx")];
 * const { bytes, similarity } = await alignModel(a, b, { shapes: { x: [1, 64] } });
 * ```
 */
export async function alignModel(
  reference: ModelFile,
  file: ModelFile,
  { shapes, signal }: AlignOptions,
): Promise<Alignment> {
  requireSameArchitecture([
    { name: reference.model.source, model: reference.model },
    { name: file.model.source, model: file.model },
  ]);
  const { groups, merged } = unitGroups(reference.model, shapes);
  const tensorsOf = ({ model }: ModelFile): Map<string, Tensor> =>
    new Map([...model.initializers].flatMap(([name, { dtype, read }]) => (dtype === "string" ? [] : [[name, read()]])));
  const [fixed, moving] = [tensorsOf(reference), tensorsOf(file)];
  const before = similarity(fixed, moving, merged);
  const orders = new Map(groups.map((group) => [group, Array.from({ length: group.units }, (_, unit) => unit)]));
  for (let sweep = 0, moved = true; moved && sweep < mostSweeps; sweep++) {
    moved = false;
    for (const group of groups) {
      signal?.throwIfAborted();
      const order = await bestOrder(group, fixed, moving, merged);
      if (!improves(group, order, fixed, moving, merged)) continue;
      for (const [name, tensor] of placed(group, order, moving)) moving.set(name, tensor);
      const known = orders.get(group) ?? [];
      orders.set(
        group,
        order.map((unit) => known[unit] ?? unit),
      );
      moved = true;
    }
  }
  const touched = new Set(groups.flatMap(({ places }) => places.map(({ tensor }) => tensor)));
  const initializers = new Map(
    [...moving].flatMap(([name, tensor]) => {
      const dtype = file.model.initializers.get(name)?.dtype;
      return touched.has(name) && dtype ? [[name, { ...tensor, dtype }] as const] : [];
    }),
  );
  return {
    bytes: editModel(file.bytes, { initializers }),
    groups: groups.map((group) => ({
      name: group.name,
      units: group.units,
      moved: (orders.get(group) ?? []).filter((unit, i) => unit !== i).length,
    })),
    similarity: { before, after: similarity(fixed, moving, merged) },
  };
}

type Tensors = ReadonlyMap<string, Tensor>;

/** The assignment of units that maximises Σ_i S_{i, order[i]}, S_ij = ⟨reference's unit i, the other's unit j⟩. */
async function bestOrder(
  { units, places }: UnitGroup,
  fixed: Tensors,
  moving: Tensors,
  merged: ReadonlySet<string>,
): Promise<number[]> {
  const scores = Array.from({ length: units }, () => new Float64Array(units));
  for (const place of places) {
    const [a, b] = [fixed.get(place.tensor), moving.get(place.tensor)];
    if (!a || !b || !merged.has(place.tensor)) continue;
    const products: Matrix = await matmulAside(fromRows(slicesAlong(a, place)), fromRows(slicesAlong(b, place)), {
      flip: { b: true },
    });
    for (const [i, row] of scores.entries())
      for (let j = 0; j < units; j++) row[j] = (row[j] ?? 0) + (products.data[i * units + j] ?? 0);
  }
  return [...linearSumAssignment(scores, { maximaze: true }).rowAssignments];
}

/** The group's tensors with its units in that order, along every axis that they stand on. */
function placed({ places }: UnitGroup, order: readonly number[], moving: Tensors): Map<string, Tensor> {
  const out = new Map<string, Tensor>();
  for (const place of places) {
    const tensor = out.get(place.tensor) ?? moving.get(place.tensor);
    if (tensor) out.set(place.tensor, reordered(tensor, place, order));
  }
  return out;
}

/** A unit's own place in a layer that feeds itself moves with it: the assignment is a guess there, and has to be tried. */
function improves(
  group: UnitGroup,
  order: readonly number[],
  fixed: Tensors,
  moving: Tensors,
  merged: ReadonlySet<string>,
): boolean {
  if (order.every((unit, i) => unit === i)) return false;
  const after = placed(group, order, moving);
  let [gain, size] = [0, 0];
  for (const [name, tensor] of after) {
    const [a, b] = [fixed.get(name), moving.get(name)];
    if (!a || !b || !merged.has(name)) continue;
    for (let k = 0; k < a.data.length; k++) {
      const x = Number(a.data[k]);
      gain += x * (Number(tensor.data[k]) - Number(b.data[k]));
      size += Math.abs(x * Number(b.data[k]));
    }
  }
  return gain > rounding * size;
}

/** Share of Σ|x y| below which a gain may be rounding. */
const rounding = 1e-12;

function similarity(a: Tensors, b: Tensors, merged: ReadonlySet<string>): number {
  let [product, ofA, ofB] = [0, 0, 0];
  for (const name of merged) {
    const [x, y] = [a.get(name), b.get(name)];
    x?.data.forEach((v: number, k: number) => {
      const w = Number(y?.data[k] ?? 0);
      product += Number(v) * w;
      ofA += Number(v) ** 2;
      ofB += w ** 2;
    });
  }
  return product / (Math.sqrt(ofA * ofB) || 1);
}
