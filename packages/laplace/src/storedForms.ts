/** How a curvature of each structure lies in a file: named arrays, and facts in the manifest. */
import {
  type BlockShape,
  type KroneckerFactors,
  layersIfAll,
  type Matrix,
  matrix,
  type Problem,
  type Tensor,
  UsageError,
} from "@hessonite/core";
import { type BlockDiagonalCurvature, blockDiagonalCurvature } from "./posterior/blockDiagonal.ts";
import { type DiagonalCurvature, diagonalCurvature } from "./posterior/diagonal.ts";
import { curvatureOfFactors, type FactoredCurvature } from "./posterior/fromFactors.ts";
import { type FullCurvature, fullCurvature } from "./posterior/full.ts";
import { type FunctionSpaceCurvature, functionSpaceCurvature } from "./posterior/functionSpace.ts";
import { type BlockCurvature, type EigenBlock, kroneckerCurvature } from "./posterior/kronecker.ts";
import { type LowRankCurvature, lowRankCurvature } from "./posterior/lowRank.ts";
import type { Curvature, StructureName } from "./posterior/posterior.ts";

export const vector = (data: Float64Array): Tensor => ({ dtype: "float64", shape: [data.length], data });
const square = ({ rows, columns, data }: Matrix): Tensor => ({ dtype: "float64", shape: [rows, columns], data });
export const indices = (data: Int32Array): Tensor => ({ dtype: "int32", shape: [data.length], data });
export const asMatrix = ({ shape, data }: Tensor): Matrix => matrix(shape[0]!, shape[1]!, Float64Array.from(data));
export const asVector = ({ data }: Tensor): Float64Array => Float64Array.from(data);

const sizesOf = (blocks: readonly { readonly index: Int32Array }[]): number[] =>
  blocks.map(({ index }) => index.length);

/** A curvature's arrays, and what it needs beside them. */
export interface Stored {
  readonly arrays: Readonly<Record<string, Tensor>>;
  readonly facts: unknown;
}

interface Form {
  store(curvature: Curvature): Stored;
  load(array: (name: string) => Tensor, facts: unknown, problem: Problem): Curvature | Promise<Curvature>;
}

/** How each structure lies in a file. */
export const forms: Record<StructureName, Form> = {
  full: {
    store: (c) => ({ arrays: { h: square((c as FullCurvature).matrix) }, facts: null }),
    load: (array, _, problem) => fullCurvature(asMatrix(array("h")), problem.space, layersIfAll(problem)),
  },
  diagonal: {
    store: (c) => ({ arrays: { diagonal: vector((c as DiagonalCurvature).diagonal) }, facts: null }),
    load: (array, _, problem) => diagonalCurvature(asVector(array("diagonal")), problem.space, layersIfAll(problem)),
  },
  "low-rank": {
    store(c) {
      const { values, vectors } = c as LowRankCurvature;
      return { arrays: { values: vector(values), vectors: square(vectors) }, facts: null };
    },
    load: (array, _, problem) => lowRankCurvature(asVector(array("values")), asMatrix(array("vectors")), problem.space),
  },
  "block-diagonal": {
    store(c) {
      const { blocks } = c as BlockDiagonalCurvature;
      const arrays = blocks.flatMap(({ index, h }, i): [string, Tensor][] => [
        [`${i}.h`, square(h)],
        [`${i}.index`, indices(index)],
      ]);
      return { arrays: Object.fromEntries(arrays), facts: { sizes: sizesOf(blocks) } };
    },
    load(array, facts, problem) {
      const { sizes } = facts as { sizes: number[] };
      const blocks = sizes.map((_, i) => ({
        index: Int32Array.from(array(`${i}.index`).data),
        h: asMatrix(array(`${i}.h`)),
      }));
      return blockDiagonalCurvature(blocks, problem.space.size);
    },
  },
  "function-space": {
    store: (c) => ({ arrays: { factor: square((c as FunctionSpaceCurvature).factor) }, facts: null }),
    load: (array, _, problem) => functionSpaceCurvature(asMatrix(array("factor")), problem.space),
  },
  "matrix-free": {
    store() {
      throw new UsageError("Cannot save a matrix-free posterior as it is known by products with the data alone", {
        try: "a posterior of another structure",
      });
    },
    load() {
      throw new UsageError("Cannot read a matrix-free posterior as no file can hold one");
    },
  },
  kronecker: {
    store(c) {
      const { factors, factor } = c as FactoredCurvature;
      const { blocks, ...rest } = factors;
      const arrays = blocks.flatMap(({ g, a, index }, i): [string, Tensor][] => [
        [`${i}.g`, square(g)],
        [`${i}.index`, indices(index)],
        ...(a ? [[`${i}.a`, a instanceof Float64Array ? vector(a) : square(a)] as [string, Tensor]] : []),
      ]);
      return {
        arrays: Object.fromEntries(arrays),
        facts: { factor, rest, shapes: blocks.map(plainShape), sides: blocks.map(({ a }) => sideOf(a)) },
      };
    },
    load(array, facts, problem) {
      const { factor, rest, shapes, sides } = facts as {
        factor: number;
        rest: Omit<KroneckerFactors, "blocks">;
        shapes: Omit<BlockShape, "index">[];
        sides: Side[];
      };
      const blocks = shapes.map((shape, i) => ({
        ...withIndex(shape, array(`${i}.index`)),
        g: asMatrix(array(`${i}.g`)),
        ...(sides[i] === "none"
          ? {}
          : { a: sides[i] === "diagonal" ? asVector(array(`${i}.a`)) : asMatrix(array(`${i}.a`)) }),
      }));
      return curvatureOfFactors({ ...rest, blocks }, problem.space.size, factor);
    },
  },
  ekfac: {
    store(c) {
      const { blocks } = c as BlockCurvature;
      const arrays = blocks.flatMap(({ qg, qa, values, shape }, i): [string, Tensor][] => [
        [`${i}.qg`, square(qg)],
        [`${i}.values`, square(values)],
        [`${i}.index`, indices(shape.index)],
        ...(qa ? [[`${i}.qa`, square(qa)] as [string, Tensor]] : []),
      ]);
      return {
        arrays: Object.fromEntries(arrays),
        facts: {
          shapes: blocks.map(({ shape }) => plainShape(shape)),
          twoSided: blocks.map(({ qa }) => qa !== undefined),
        },
      };
    },
    load(array, facts, problem) {
      const { shapes, twoSided } = facts as { shapes: Omit<BlockShape, "index">[]; twoSided: boolean[] };
      const blocks = shapes.map(
        (shape, i): EigenBlock => ({
          shape: withIndex(shape, array(`${i}.index`)),
          qg: asMatrix(array(`${i}.qg`)),
          values: asMatrix(array(`${i}.values`)),
          ...(twoSided[i] ? { qa: asMatrix(array(`${i}.qa`)) } : {}),
        }),
      );
      return kroneckerCurvature("ekfac", blocks, problem.space.size);
    },
  },
};

type Side = "none" | "diagonal" | "dense";

function sideOf(a: Matrix | Float64Array | undefined): Side {
  if (a === undefined) return "none";
  return a instanceof Float64Array ? "diagonal" : "dense";
}

function plainShape({ name, layer, kind, group, out, in: width, joint }: BlockShape): Omit<BlockShape, "index"> {
  return { name, layer, kind, group, out, in: width, joint };
}

function withIndex(shape: Omit<BlockShape, "index">, { data }: Tensor): BlockShape {
  return { ...shape, index: Int32Array.from(data) };
}
