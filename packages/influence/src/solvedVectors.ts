/**
 * (H + δ)⁻¹ g for a whole matrix H: the exact Gauss–Newton matrix of the mean loss, by conjugate gradients preconditioned with
 * EK-FAC, or any operator that was given.
 *
 * The residual measures the solve, not the attribution: at equal damping the exact matrix can attribute worse than EK-FAC.
 */
import { type BlockVectors, conjugateGradient, ekfacOf, ggn, type LinearOperator, type Problem } from "@hessonite/core";
import type { BlockCurvature, Curvature } from "./curvature.ts";
import type { ResolvedDamping } from "./damping.ts";
import type { ScoreOptions } from "./options.ts";
import { type SolveReport, worstOf } from "./solveReport.ts";

export interface SolveOptions extends ScoreOptions {
  /** Residual at which a system is solved; 1e-5 unless said. */
  readonly relativeTolerance?: number;
  /** Iterations a system; 200 unless said. */
  readonly maxIterations?: number;
}

export interface Systems extends AsyncDisposable {
  /** Solves for some vectors at once. */
  solve(gradients: BlockVectors): Promise<{ readonly vectors: BlockVectors; readonly solve: SolveReport }>;
}

/** The systems of a curvature; the matrix's programs live as long as they do. */
export function systemsOf(
  curvature: Curvature,
  train: Problem,
  damping: ResolvedDamping,
  options: SolveOptions = {},
): Systems {
  const held = curvature.operator ? undefined : ggn(train);
  const g = curvature.operator ?? held!;
  return {
    solve: (gradients) => solvedVectors(curvature, train, g, gradients, damping, options),
    async [Symbol.asyncDispose]() {
      await held?.[Symbol.asyncDispose]();
    },
  };
}

async function solvedVectors(
  curvature: Curvature,
  train: Problem,
  g: LinearOperator,
  gradients: BlockVectors,
  damping: ResolvedDamping,
  { relativeTolerance = 1e-5, maxIterations = 200, signal }: SolveOptions,
): ReturnType<Systems["solve"]> {
  const toCore = 1 / curvature.toOurs;
  const whole = curvature.strategy !== "block-ggn";
  const groups = whole ? [curvature.blocks.map((_, i) => i)] : curvature.blocks.map((_, i) => [i]);
  const { size } = train.space;
  const { count } = gradients;
  const out = gradients.blocks.map((data) => new Float64Array(data.length));
  const reports: SolveReport[] = [];
  for (const group of groups) {
    const members = group.map((i) => curvature.blocks[i]!);
    const delta = damping.blocks[group[0]!]!.damping * toCore;
    const b = flat(
      members,
      group.map((i) => gradients.blocks[i]!),
      count,
      size,
    );
    const { x, report } = await solved(g, b, {
      members,
      whole,
      delta,
      toCore,
      count,
      relativeTolerance,
      maxIterations,
      signal,
    });
    reports.push(report);
    unflatten(
      members,
      group.map((i) => out[i]!),
      x,
      size,
      toCore,
    );
  }
  return { vectors: { count, blocks: out }, solve: worstOf(reports) };
}

interface System {
  readonly members: readonly BlockCurvature[];
  readonly whole: boolean;
  readonly delta: number;
  readonly toCore: number;
  readonly count: number;
  readonly relativeTolerance: number;
  readonly maxIterations: number;
  readonly signal: AbortSignal | undefined;
}

/** By the operator's own inverse where it knows it, else by conjugate gradients. */
async function solved(
  a: LinearOperator,
  b: Float64Array,
  { members, whole, delta, toCore, count, relativeTolerance, maxIterations, signal }: System,
): Promise<{ readonly x: Float64Array; readonly report: SolveReport }> {
  const abort = signal ? { signal } : {};
  const own = whole ? await a.exact?.inverse?.(delta) : undefined;
  if (own)
    return {
      x: await own.apply(b, { k: count, ...abort }),
      report: { outcome: "converged", iterations: 0, residual: 0, products: 0 },
    };
  const fitted = members.every(({ basis, values }) => basis && values);
  const solution = await conjugateGradient(whole ? a : restricted(a, members), b, {
    k: count,
    damping: delta,
    relativeTolerance,
    maxIterations,
    ...(fitted && { preconditioner: await preconditioner(members, a.shape[0], toCore, delta) }),
    ...abort,
  });
  const { outcome, iterations, products } = solution;
  const residual = Math.max(0, ...solution.rows.map(({ residualHistory }) => residualHistory.at(-1) ?? 0));
  return { x: solution.solution, report: { outcome, iterations, residual, products } };
}

async function preconditioner(
  blocks: readonly BlockCurvature[],
  size: number,
  toCore: number,
  delta: number,
): Promise<LinearOperator> {
  const scaled = blocks.map(({ shape, basis, values }) => ({
    ...shape,
    basis: basis!,
    values: { ...values!, data: values!.data.map((x) => toCore * Math.max(x, 0)) },
  }));
  return ekfacOf(scaled, size).exact!.inverse!(delta);
}

/** P A P, P the projection on some blocks' entries. */
function restricted(a: LinearOperator, blocks: readonly BlockCurvature[]): LinearOperator {
  const [size] = a.shape;
  const inside = new Uint8Array(size);
  for (const { shape } of blocks) for (const i of shape.index) inside[i] = 1;
  const project = (v: Float64Array): Float64Array => v.map((x, i) => (inside[i % size] ? x : 0));
  const self: LinearOperator = {
    ...a,
    name: `a block of ${a.name}`,
    apply: async (v, options) => project(await a.apply(project(v), options)),
    adjoint: () => self,
  };
  return self;
}

/** `[count, P]` from `[count, out, in]` of some blocks; zero elsewhere. */
function flat(
  blocks: readonly BlockCurvature[],
  data: BlockVectors["blocks"],
  count: number,
  size: number,
): Float64Array {
  const out = new Float64Array(count * size);
  for (const [b, { shape }] of blocks.entries()) {
    const { index } = shape;
    for (let row = 0; row < count; row++) {
      for (const [k, at] of index.entries()) out[row * size + at] = data[b]![row * index.length + k]!;
    }
  }
  return out;
}

function unflatten(
  blocks: readonly BlockCurvature[],
  out: readonly Float64Array[],
  v: Float64Array,
  size: number,
  factor: number,
): void {
  for (const [b, { shape }] of blocks.entries()) {
    const { index } = shape;
    for (let row = 0; row < v.length / size; row++) {
      for (const [k, at] of index.entries()) out[b]![row * index.length + k] = factor * v[row * size + at]!;
    }
  }
}
