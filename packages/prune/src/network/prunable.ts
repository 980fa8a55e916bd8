/** The weights of a model that may be pruned: matrices of its layers, as positions in the flat vector. */
import { type BlockShape, layerBlocks, type Problem, type Vector } from "@hessonite/core";
import type { Units } from "../curvature/quadratic.ts";
import { misfit, type Pattern, patternName, unitsOf } from "../layerwise/pattern.ts";

export interface PrunableLayer {
  readonly name: string;
  readonly out: number;
  readonly in: number;
  /** Position in the flat vector of each entry `[out, in]`. */
  readonly index: Int32Array;
  readonly block: BlockShape;
}

export interface Skipped {
  readonly name: string;
  readonly why: string;
}

export interface Prunable {
  readonly layers: readonly PrunableLayer[];
  readonly skipped: readonly Skipped[];
  /** Weights of the layers together. */
  readonly weights: number;
}

/** Every weight matrix that can take the pattern; others are named with the reason. Tables are left alone. */
export function prunableLayers(problem: Problem, pattern: Pattern): Prunable {
  const { blocks } = layerBlocks(problem, { bias: "separate" });
  const layers: PrunableLayer[] = [];
  const skipped: Skipped[] = [];
  for (const block of blocks) {
    if (block.kind === "vector") continue;
    const why = block.kind === "table" ? "it is a table" : misfit(pattern, { rows: block.out, columns: block.in });
    if (why !== undefined) skipped.push({ name: block.name, why: `${patternName(pattern)}: ${why}` });
    else layers.push({ name: block.name, out: block.out, in: block.in, index: block.index, block });
  }
  return { layers, skipped, weights: layers.reduce((sum, { index }) => sum + index.length, 0) };
}

/** All units of all layers, and what binds them. */
export interface NetworkUnits extends Units {
  /** n:m: number of each unit's group, and how many of a group go. */
  readonly groups?: { readonly of: Int32Array; readonly zeros: number; readonly count: number };
}

/** Units of one size; rows and columns make one list a size. */
export function networkUnits(layers: readonly PrunableLayer[], pattern: Pattern): NetworkUnits[] {
  const bySize = new Map<number, { members: number[]; groups: number[] }>();
  let groupsBefore = 0;
  for (const layer of layers) {
    const { height, width, across, down, quota } = unitsOf(pattern, { rows: layer.out, columns: layer.in });
    const list = bySize.get(height * width) ?? { members: [], groups: [] };
    bySize.set(height * width, list);
    for (let unit = 0; unit < across * down; unit++) {
      const [top, left] = [Math.floor(unit / across) * height, (unit % across) * width];
      for (let i = 0; i < height; i++) {
        for (let j = 0; j < width; j++) list.members.push(layer.index[(top + i) * layer.in + left + j]!);
      }
      if (quota) list.groups.push(groupsBefore + Math.floor(unit / quota.of));
    }
    if (quota) groupsBefore += (across * down) / quota.of;
  }
  return [...bySize].map(([size, { members, groups }]) => ({
    size,
    members: Int32Array.from(members),
    ...(pattern.kind === "n:m"
      ? { groups: { of: Int32Array.from(groups), zeros: pattern.m - pattern.n, count: groupsBefore } }
      : {}),
  }));
}

/** 1 for every entry that is not a pruned weight. */
export function everythingKept(size: number): Uint8Array {
  return new Uint8Array(size).fill(1);
}

/** How many of the layers' weights are pruned. */
export function zerosIn(layers: readonly PrunableLayer[], kept: Uint8Array): number {
  return layers.reduce((sum, { index }) => sum + index.reduce((own, at) => own + Number(!kept[at]), 0), 0);
}

/** The layer's weights in a point, `[out, in]`. */
export function layerValues({ index }: Pick<PrunableLayer, "index">, theta: Vector): Float64Array {
  return Float64Array.from(index, (at) => theta[at]!);
}
