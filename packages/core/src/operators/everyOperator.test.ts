/**
 * Every function of the public surface that makes an operator, run through the suite that every operator must pass, made
 * and again after it was saved and read.
 *
 * The table is total by type: an export that makes an operator and has no row does not compile. Problems are linear
 * regression, f = W x with squared error, where every curvature matrix has a closed form:
 *
 *     S = 2 / (N C) · Σ_n x_n x_nᵀ,      Hessian = GGN = KFAC = EKFAC = KFOC = TKFAC = I ⊗ S
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import * as core from "../index.ts";
import { randomMatrix, randomSymmetric } from "../linalg/knownMatrices.ts";
import {
  add,
  columnsOf,
  diagonalMatrix,
  identity as identityMatrix,
  plusDiagonal,
  scale as scaled,
  subtract,
  trace as traceOf,
} from "../linalg/matrix.ts";
import { checkOperator } from "../testing/checkOperator.ts";
import { linearModel, normalFloats } from "../testing/smallModels.ts";

type Core = typeof core;
type Making = (...given: never[]) => core.LinearOperator | Promise<core.LinearOperator>;
/** The names of all that makes an operator. */
type Makers = { [Name in keyof Core]: Core[Name] extends Making ? Name : never }[keyof Core];
type Case = readonly [core.LinearOperator, core.Matrix];
type Row = (problem: core.Problem) => Case | Promise<Case>;

const folder = await mkdtemp(join(tmpdir(), "every-operator-"));
afterAll(() => rm(folder, { recursive: true }));

const [rows, outputs, width] = [7, 2, 3];
const x = normalFloats([rows, width], 1, "x");
const y = normalFloats([rows, outputs], 2, "y");
const weight = normalFloats([outputs, width], 3, "w");
const X = core.matrix(rows, width, Float64Array.from(x.data));
const W = core.matrix(outputs, width, Float64Array.from(weight.data));
const S = scaled(2 / (rows * outputs), core.gram(X, { of: "columns" }));
const curvature = kron(identityMatrix(outputs), S);

const linearRegression = (): Promise<core.Problem> =>
  core.createProblem({
    model: linearModel(weight),
    data: core.datasetFromArrays({ inputs: { x }, target: y }, { batchSize: 4 }),
    loss: core.squaredError(),
    engine: core.referenceEngine(),
  });

const general = randomMatrix(4, 4, 4);
const wide = randomMatrix(2, 4, 5);
const definite = core.gram(randomMatrix(6, 4, 6), { of: "columns" });
const pair = core.fromRows([
  [2, 1],
  [1, 3],
]);
const level = Float64Array.of(1, 0.25, 3, 0.5);
const A = core.denseOperator(general);
const B = core.denseOperator(definite, { positiveSemidefinite: true });
const given = { fisher: "sampled", samples: 2, seed: 1 } as const;

const everyRow = {
  // the algebra
  blockDiagonal: () => [core.blockDiagonal([A, core.diagonal(level)]), beside(general, diagonalMatrix(level))],
  congruence: () => [core.congruence(core.denseOperator(wide), B), times(wide, definite, core.transposeMatrix(wide))],
  damped: () => [core.damped(B, 0.5), plusDiagonal(definite, 0.5)],
  denseOperator: () => [core.denseOperator(wide), wide],
  diagonal: () => [core.diagonal(level), diagonalMatrix(level)],
  difference: () => [core.difference(A, B), subtract(general, definite)],
  async eigenOperator() {
    const { vectors } = await core.eigh(randomSymmetric(4, 7));
    const [q, values] = [columnsOf(vectors, 1, 3), Float64Array.of(0.5, 2)];
    const whole = add(
      scaled(0.1, identityMatrix(4)),
      times(q, diagonalMatrix(values.map((v) => v - 0.1)), core.transposeMatrix(q)),
    );
    return [core.eigenOperator({ values, vectors: q, rest: 0.1 }), whole];
  },
  identity: () => [core.identity(4), identityMatrix(4)],
  kronecker: () => [core.kronecker(pair, definite), kron(pair, definite)],
  lowRankPlusDiagonal: () => [
    core.lowRankPlusDiagonal({ diagonal: level, directions: wide, weights: Float64Array.of(2, 0.5) }),
    add(diagonalMatrix(level), times(core.transposeMatrix(wide), diagonalMatrix(Float64Array.of(2, 0.5)), wide)),
  ],
  makeOperator: () => [
    core.makeOperator({
      name: "first differences",
      shape: [3, 4],
      structure: { selfAdjoint: false, positiveSemidefinite: false },
      multiply: (v, k) => Float64Array.from({ length: 3 * k }, (_, at) => v[at + over(at) + 1]! - v[at + over(at)]!),
      multiplyTransposed: (u, k) =>
        Float64Array.from({ length: 4 * k }, (_, at) => {
          const [row, j] = [Math.floor(at / 4), at % 4];
          return (j > 0 ? u[3 * row + j - 1]! : 0) - (j < 3 ? u[3 * row + j]! : 0);
        }),
    }),
    core.fromRows([
      [-1, 1, 0, 0],
      [0, -1, 1, 0],
      [0, 0, -1, 1],
    ]),
  ],
  negate: () => [core.negate(B), scaled(-1, definite)],
  power: () => [core.power(A, 3), times(general, general, general)],
  product: () => [core.product(core.denseOperator(wide), A), times(wide, general)],
  scale: () => [core.scale(-2, A), scaled(-2, general)],
  selection: () => [core.selection([2, 0], 4), part(identityMatrix(4), [2, 0], [0, 1, 2, 3])],
  submatrix: () => [core.submatrix(A, [3, 1], [0, 2, 1]), part(general, [3, 1], [0, 2, 1])],
  sum: () => [core.sum(A, B), add(general, definite)],

  // inverses
  inverse: async () => [await core.inverse(B, { damping: 0.3 }), inverseOf(plusDiagonal(definite, 0.3))],
  iterativeInverse: () => [
    core.iterativeInverse(A, { damping: 3, relativeTolerance: 1e-14, maxIterations: 200 }),
    inverseOf(plusDiagonal(general, 3)),
  ],
  async kroneckerPreconditioner(problem) {
    const { factors } = await core.kfac(problem);
    const [size, damping] = [problem.space.size + 2, 0.2]; // two entries that no block covers
    const operator = await core.kroneckerPreconditioner([factors, factors], [1, 0.5], size, damping);
    const inside = inverseOf(plusDiagonal(scaled(1.5, curvature), damping));
    return [operator, beside(inside, scaled(1 / damping, identityMatrix(2)))];
  },

  // curvature of a problem
  hessian: (problem) => [core.hessian(problem), curvature],
  ggn: (problem) => [core.ggn(problem), curvature],
  empiricalFisher: (problem) => [core.empiricalFisher(problem), empirical()],
  jacobian: (problem) => [core.jacobian(problem), slopes()],
  layerwise: async (problem) => [await core.layerwise(problem, core.ggn(problem)), curvature],
  parameterSelection: ({ space }) => [core.parameterSelection(space, ["weight"]), identityMatrix(space.size)],
  buildOperator: async (problem) => [await core.buildOperator({ kind: "kfac" }, problem), curvature],

  // structured approximations
  kfac: async (problem) => [await core.kfac(problem), curvature],
  ekfac: async (problem) => [await core.ekfac(problem), curvature],
  kfoc: async (problem) => [await core.kfoc(problem), curvature],
  tkfac: async (problem) => [await core.tkfac(problem), curvature],
  async shampoo(problem) {
    const left = scaled(traceOf(S), identityMatrix(outputs));
    return [await core.shampoo(problem), kron(await rootOf(left), await rootOf(scaled(outputs, S)))];
  },
  async kfacOf(problem) {
    const path = join(folder, "factors.safetensors");
    await core.saveFactors(path, problem, (await core.kfac(problem)).factors);
    return [core.kfacOf(await core.loadFactors(path, problem), problem.space.size), curvature];
  },
  kroneckerBlocks: async (problem) => [
    core.kroneckerBlocks((await core.kfac(problem)).factors.blocks, problem.space.size + 1),
    beside(curvature, scaled(0, identityMatrix(1))),
  ],
  ekfacOf: async (problem) => [
    core.ekfacOf((await core.ekfac(problem)).blocks, problem.space.size + 1),
    beside(curvature, scaled(0, identityMatrix(1))),
  ],

  // files
  async readOperator() {
    const path = join(folder, "wide.npz");
    await core.writeOperator(path, core.denseOperator(wide));
    return [await core.readOperator(path), wide];
  },
} satisfies Record<Makers, Row>;

const tolerance = { relative: 1e-11, absolute: 1e-11 };

describe.each(Object.entries<Row>(everyRow))("%s", (name, row) => {
  it("keeps the contract, and again after it was saved and read", async () => {
    await using problem = await linearRegression();
    const [operator, matrix] = await row(problem);
    await checkOperator(operator, rowsOf(matrix), core.randomStream(1), { tolerance });
    for (const extension of ["npz", "safetensors"]) {
      const path = join(folder, `${name}.${extension}`);
      await core.writeOperator(path, operator);
      const read = await core.readOperator(path);
      await checkOperator(read, rowsOf(matrix), core.randomStream(2), { tolerance });
      expect(read.structure).toMatchObject(known(operator.structure));
    }
  });
});

/** What is true of a matrix may be found again where nobody knew it, but is not lost. */
const known = (structure: core.Structure): Partial<core.Structure> =>
  Object.fromEntries(Object.entries(structure).filter(([, value]) => value));

/** What a kind is on linear regression; drawn labels have no closed form, and are those of the function of that name. */
const kinds: Readonly<Record<string, (problem: core.Problem) => core.Matrix | Promise<core.Matrix>>> = {
  identity: ({ space }) => identityMatrix(space.size),
  diagonal: () => diagonalMatrix(Float64Array.from(rowsOf(curvature), (entries, i) => entries[i]!)),
  kfac: () => curvature,
  ekfac: () => curvature,
  ggn: () => curvature,
  kfoc: () => curvature,
  tkfac: () => curvature,
  shampoo: async (problem) => (await everyRow.shampoo(problem))[1],
  "fisher-mc": (problem) => denseOf(core.ggn(problem, given)),
  layerwise: () => curvature,
  hessian: () => curvature,
  "empirical-fisher": () => empirical(),
};

describe("an operator by its specification", () => {
  it("is told for every kind", () => {
    expect(core.operatorKinds().map(({ kind }) => kind)).toEqual(Object.keys(kinds));
  });

  it.each(Object.entries(kinds))("%s keeps the contract", async (kind, truth) => {
    await using problem = await linearRegression();
    const spec = kind === "fisher-mc" ? { kind, samples: given.samples, seed: given.seed } : { kind };
    const operator = await core.buildOperator(spec, problem);
    await checkOperator(operator, rowsOf(await truth(problem)), core.randomStream(3), { tolerance });
  });
});

describe("what an operator makes of itself keeps the contract too", () => {
  it.each(["cg", "minres", "lsmr", "neumann"] as const)("an inverse by %s", async (method) => {
    const options = { damping: 1, method, relativeTolerance: 1e-14, maxIterations: 3000 };
    const operator = core.iterativeInverse(B, options);
    const truth = rowsOf(inverseOf(plusDiagonal(definite, 1)));
    await checkOperator(operator, truth, core.randomStream(4), { tolerance });
  });

  it("an inverse by conjugate gradients that KFAC preconditions", async () => {
    await using problem = await linearRegression();
    const damping = 0.1;
    const preconditioner = await (await core.kfac(problem)).inverse(damping, "exact");
    const exact = core.ggn(problem);
    const operator = core.iterativeInverse(exact, { damping, preconditioner, relativeTolerance: 1e-14 });
    const truth = rowsOf(inverseOf(plusDiagonal(curvature, damping)));
    await checkOperator(operator, truth, core.randomStream(5), { tolerance });
  });

  it("a plain function", async () => {
    const [operator, matrix] = everyRow.makeOperator();
    const v = [1, 4, 9, 25];
    expect([...(await core.toFunction(operator)(v))]).toEqual(rowsOf(matrix).map((r) => dot(r, v)));
  });
});

/** Rows of K of the differences before entry `at`, each of which has one entry less than its vector. */
function over(at: number): number {
  return Math.floor(at / 3);
}

function empirical(): core.Matrix {
  let whole = scaled(0, curvature);
  for (let n = 0; n < rows; n++) {
    const input = core.matrix(1, width, X.data.slice(n * width, (n + 1) * width));
    const prediction = core.matmul(input, W, { b: true }).data;
    const score = core.matrix(
      1,
      outputs,
      prediction.map((f, c) => 2 * (f - Number(y.data[n * outputs + c]))),
    );
    const outer = kron(core.gram(score, { of: "columns" }), core.gram(input, { of: "columns" }));
    whole = add(whole, scaled(1 / (rows * outputs), outer));
  }
  return whole;
}

/** ∂f_{nc} / ∂W_{c'i} = δ_{cc'} x_{ni}, outputs of a row side by side. */
function slopes(): core.Matrix {
  const size = outputs * width;
  const data = Float64Array.from({ length: rows * outputs * size }, (_, at) => {
    const [output, parameter] = [Math.floor(at / size), at % size];
    const same = output % outputs === Math.floor(parameter / width);
    return same ? X.data[Math.floor(output / outputs) * width + (parameter % width)]! : 0;
  });
  return core.matrix(rows * outputs, size, data);
}

/** (A ⊗ B)[i b + k, j d + l] = A[i, j] B[k, l] */
function kron(a: core.Matrix, b: core.Matrix): core.Matrix {
  const columns = a.columns * b.columns;
  const data = Float64Array.from({ length: a.rows * b.rows * columns }, (_, at) => {
    const [r, s] = [Math.floor(at / columns), at % columns];
    const left = a.data[Math.floor(r / b.rows) * a.columns + Math.floor(s / b.columns)]!;
    return left * b.data[(r % b.rows) * b.columns + (s % b.columns)]!;
  });
  return core.matrix(a.rows * b.rows, columns, data);
}

/** Both along the diagonal. */
function beside(a: core.Matrix, b: core.Matrix): core.Matrix {
  const left = rowsOf(a).map((r) => [...r, ...new Float64Array(b.columns)]);
  const right = rowsOf(b).map((r) => [...new Float64Array(a.columns), ...r]);
  return core.fromRows([...left, ...right]);
}

function times(first: core.Matrix, ...others: readonly core.Matrix[]): core.Matrix {
  return others.reduce((product, m) => core.matmul(product, m), first);
}

function part(m: core.Matrix, chosen: readonly number[], columns: readonly number[]): core.Matrix {
  return core.fromRows(chosen.map((i) => columns.map((j) => m.data[i * m.columns + j]!)));
}

/** By Gauss and Jordan, with no pivots: for matrices that are dominated by their diagonals or definite. */
function inverseOf(m: core.Matrix): core.Matrix {
  const n = m.rows;
  const work = rowsOf(m).map((r, i) => Float64Array.from([...r, ...identityMatrix(n).data.slice(i * n, (i + 1) * n)]));
  for (const [i, pivot] of work.entries()) {
    const p = pivot[i]!;
    for (let j = 0; j < 2 * n; j++) pivot[j]! /= p;
    for (const [other, r] of work.entries()) {
      const factor = r[i]!;
      if (other !== i) for (let j = 0; j < 2 * n; j++) r[j]! -= factor * pivot[j]!;
    }
  }
  return core.fromRows(work.map((r) => [...r.slice(n)]));
}

async function rootOf(m: core.Matrix): Promise<core.Matrix> {
  const { values, vectors } = await core.eigh(m);
  return core.matmul(core.scaleColumns(vectors, values.map(Math.sqrt)), vectors, { b: true });
}

async function denseOf(a: core.LinearOperator): Promise<core.Matrix> {
  return core.matrix(a.shape[0], a.shape[1], await core.toDense(a));
}

function rowsOf({ rows: count, columns, data }: core.Matrix): Float64Array[] {
  return Array.from({ length: count }, (_, i) => data.slice(i * columns, (i + 1) * columns));
}

function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  return Array.from(a).reduce((total, value, i) => total + value * b[i]!, 0);
}
