/** A network's curvature by name: measured once on the calibration rows, made a quadratic at any λ. */
import {
  type BlockShape,
  eigenOf,
  eigenvalueCorrection,
  eighMany,
  ggn,
  ggnDiagonal,
  kroneckerFactors,
  type Matrix,
  matmul,
  matrix,
  type Problem,
  toDense,
  UsageError,
  type Vector,
} from "@hessonite/core";
import { blockQuadratic, type QuadraticPart } from "./blockQuadratic.ts";
import { denseQuadratic } from "./denseQuadratic.ts";
import { diagonalQuadratic } from "./diagonalQuadratic.ts";
import { type DirectionKind, directionsFor } from "./directions.ts";
import { type KroneckerEigen, kroneckerQuadratic } from "./kroneckerQuadratic.ts";
import { type LeadingDirections, type LeadingOptions, leadingDirections } from "./leadingDirections.ts";
import { type Directions, directionsOf, lowRankQuadratic } from "./lowRankQuadratic.ts";
import type { Quadratic } from "./quadratic.ts";

export const curvatureNames = ["identity", "diagonal", "fisher", "ggn", "kfac", "ekfac", "dense"] as const;
export type CurvatureName = (typeof curvatureNames)[number];

export interface CurvatureOptions {
  /** fisher, ggn: weights of the flat vector a block, in order; all in one unless said. */
  readonly blockSize?: number;
  /** fisher, ggn: weights that are not kept are left out; all are kept unless given. */
  readonly kept?: Uint8Array;
  /** ggn: the strongest of the rows' directions, on the way from these predictions of the dense model; all unless given. */
  readonly leading?: Pick<LeadingOptions, "dense" | "most">;
  readonly signal?: AbortSignal;
}

export interface Curvature {
  readonly name: string;
  /** Mean of C's diagonal without damping: what λ is relative to. */
  readonly mean: number;
  /** Whether its rises are losses; those of magnitude are not. */
  readonly foretells: boolean;
  /** False where λ changes nothing. */
  readonly damped: boolean;
  /** Of the divergence from the dense model, where leading directions know it. */
  readonly slope?: Vector;
  /** @param origin θ₀ @param lambda λ > 0, in the curvature's units. */
  at(origin: Vector, lambda: number): Quadratic;
}

type Measure = (problem: Problem, options: CurvatureOptions) => Promise<Curvature>;

const measures: Readonly<Record<CurvatureName, Measure>> = {
  identity: async ({ space }) => ({
    ...diagonalCurvature("magnitude", new Float64Array(space.size).fill(1)),
    foretells: false,
  }),
  diagonal: async (problem, { signal }) =>
    diagonalCurvature("GGN diagonal", await ggnDiagonal(problem, signal ? { signal } : {})),
  fisher: (problem, options) => lowRank(problem, "empirical", options),
  ggn: (problem, options) => lowRank(problem, "type-2", options),
  kfac: (problem, options) => kronecker(problem, "KFAC", options),
  ekfac: (problem, options) => kronecker(problem, "EK-FAC", options),
  dense: denseGgn,
};

/**
 * @throws {UsageError | UnsupportedModelError} if the model has no such curvature, or it does not fit into memory.
 */
export function curvatureOf(problem: Problem, name: CurvatureName, options: CurvatureOptions = {}): Promise<Curvature> {
  return measures[name](problem, options);
}

function diagonalCurvature(name: string, diagonal: Vector): Curvature {
  return {
    name,
    mean: mean(diagonal),
    foretells: true,
    damped: false,
    at: (origin) => diagonalQuadratic(name, origin, diagonal),
  };
}

/** A block by its matrix where it is small, else by its directions. */
type BlockForm = { readonly gram: Matrix } | { readonly directions: Directions };

async function lowRank(
  problem: Problem,
  kind: DirectionKind,
  { blockSize, kept, leading, signal }: CurvatureOptions,
): Promise<Curvature> {
  const { size } = problem.space;
  const columns = kept && !kept.every((k) => k === 1) ? indicesOf(kept) : undefined;
  const shared = { ...(columns ? { columns } : {}), ...(signal ? { signal } : {}) };
  const found = leading ? await leadingDirections(problem, { ...leading, ...shared }) : undefined;
  const directions = found
    ? directionsOf(`GGN of ${problem.survey.rows} rows in ${found.rows.rows} directions`, found.rows, signal)
    : await directionsFor(problem, kind, shared);
  const v = directions.rows;
  const squares = v.data.reduce((sum, x) => sum + x * x, 0);
  const { name } = directions;
  const slope = found && slopeOf(found, columns, size);
  const base = { name, mean: squares / v.columns, foretells: true, damped: true, ...(slope ? { slope } : {}) };
  const whole = !columns && (!blockSize || blockSize >= size) && v.rows < size;
  if (whole) return { ...base, at: (origin, lambda) => lowRankQuadratic(directions, origin, lambda) };
  const parts = blocksOf(columns ?? indicesOf(new Uint8Array(size).fill(1)), blockSize ?? size).map(
    ({ index, from }) => {
      const own = columnsFrom(v, from, index.length);
      const form: BlockForm =
        index.length <= v.rows
          ? { gram: matmul(own, own, { a: true }) }
          : { directions: directionsOf(name, own, signal) };
      return { index, form };
    },
  );
  const within = blockSize && blockSize < size ? ` in blocks of ${blockSize}` : "";
  const at = (origin: Vector, lambda: number): Quadratic =>
    blockQuadratic(
      `${name}${within}, λ ${lambda.toExponential(1)}`,
      origin,
      parts.map(({ index, form }): QuadraticPart => {
        const part = Float64Array.from(index, (k) => origin[k]!);
        const quadratic =
          "gram" in form
            ? denseQuadratic("block", part, form.gram, lambda)
            : lowRankQuadratic(form.directions, part, lambda);
        return { index, quadratic };
      }),
    );
  return { ...base, at };
}

/** Vᵀ r, as long as all weights. */
function slopeOf({ rows: v, residuals }: LeadingDirections, columns: Int32Array | undefined, size: number): Vector {
  const own = matmul(v, matrix(v.rows, 1, residuals), { a: true }).data;
  if (!columns) return own;
  const slope = new Float64Array(size);
  columns.forEach((at, k) => {
    slope[at] = own[k]!;
  });
  return slope;
}

function indicesOf(kept: Uint8Array): Int32Array {
  return Int32Array.from([...kept.keys()].filter((at) => kept[at]));
}

/** Kept positions of every `size` positions of the whole vector, and where each list begins. */
function blocksOf(index: Int32Array, size: number): { readonly index: Int32Array; readonly from: number }[] {
  const blocks: { index: Int32Array; from: number }[] = [];
  for (let from = 0; from < index.length; ) {
    const block = Math.floor(index[from]! / size);
    let end = from;
    while (end < index.length && Math.floor(index[end]! / size) === block) end++;
    blocks.push({ index: index.subarray(from, end), from });
    from = end;
  }
  return blocks;
}

function columnsFrom({ rows, columns, data }: Matrix, first: number, count: number): Matrix {
  if (count === columns) return { rows, columns, data };
  const out = matrix(rows, count);
  for (let i = 0; i < rows; i++)
    out.data.set(data.subarray(i * columns + first, i * columns + first + count), i * count);
  return out;
}

async function kronecker(problem: Problem, name: "KFAC" | "EK-FAC", { signal }: CurvatureOptions): Promise<Curvature> {
  const options = { bias: "separate", ...(signal ? { signal } : {}) } as const;
  const factors = await kroneckerFactors(problem, options);
  const eigen = await eigenOf(factors.blocks, eighMany);
  const corrected =
    name === "EK-FAC"
      ? await eigenvalueCorrection(problem, factors, eigen, { convention: "perTerm", ...(signal ? { signal } : {}) })
      : undefined;
  const parts = factors.blocks.map((block, i) => {
    const { basis, g, a } = eigen[i]!;
    const values = corrected?.[i] ?? outer(g, a, block);
    return {
      index: block.index,
      eigen: { qg: basis.qg, qa: basis.qa ?? identity(block.in), values } as KroneckerEigen,
    };
  });
  const total = parts.reduce((sum, { eigen: { values } }) => sum + values.data.reduce((s, x) => s + x, 0), 0);
  return {
    name,
    mean: total / problem.space.size,
    foretells: true,
    damped: true,
    at: (origin, lambda) =>
      blockQuadratic(
        `${name}, λ ${lambda.toExponential(1)}`,
        origin,
        parts.map(({ index, eigen: own }) => ({
          index,
          quadratic: kroneckerQuadratic(
            name,
            Float64Array.from(index, (k) => origin[k]!),
            own,
            lambda,
          ),
        })),
      ),
  };
}

/** Weights up to which the whole matrix is made. */
const smallModel = 4096;

async function denseGgn(problem: Problem, { signal }: CurvatureOptions): Promise<Curvature> {
  const { size } = problem.space;
  if (size > smallModel) {
    throw new UsageError("Cannot make the whole curvature matrix as the model has too many weights", {
      expected: `${smallModel} or fewer`,
      found: size,
      try: "ggn, which keeps as many directions as there are rows and outputs",
    });
  }
  await using operator = ggn(problem);
  const m = matrix(size, size, await toDense(operator, signal ? { signal } : {}));
  let trace = 0;
  for (let i = 0; i < size; i++) trace += m.data[i * (size + 1)]!;
  return {
    name: "GGN",
    mean: trace / size,
    foretells: true,
    damped: true,
    at: (origin, lambda) => denseQuadratic("GGN", origin, m, lambda),
  };
}

const mean = (x: Vector): number => x.reduce((sum, value) => sum + value, 0) / Math.max(1, x.length);

function outer(g: Float64Array, a: Float64Array, { out, in: width }: BlockShape): Matrix {
  const m = matrix(out, width);
  for (let i = 0; i < out; i++) for (let j = 0; j < width; j++) m.data[i * width + j] = g[i]! * a[j]!;
  return m;
}

function identity(n: number): Matrix {
  const m = matrix(n, n);
  for (let i = 0; i < n; i++) m.data[i * (n + 1)] = 1;
  return m;
}
