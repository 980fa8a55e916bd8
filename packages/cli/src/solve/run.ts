/** `hessonite solve`: (A + δ I) x = b for any operator. */
import { buildOperator, inverse, iterativeInverse, type LinearOperator, type Solution } from "@hessonite/core";
import type { CommandContext, Outcome } from "../command.ts";
import { splitByParameter, writeArrays } from "../estimate/arrays.ts";
import { disposed, openSetting } from "../operator/setting.ts";
import { subjectOf } from "../operator/subject.ts";
import { operatorText } from "../operator/text.ts";
import type { SolveOptions } from "./options.ts";
import type { SolveResult } from "./result.ts";
import { type RightHandSide, rightHandSide } from "./rightHandSide.ts";

export async function runSolve(
  options: SolveOptions,
  { signal, progress }: CommandContext,
): Promise<Outcome<SolveResult>> {
  await using setting = await progress.stage("model, data, operator", 1, () => openSetting(options, signal));
  const { operator, problem } = setting;
  const b = await progress.stage("right-hand side", 1, () => rightHandSide(problem, options.rhs, signal));
  const preconditioner = options.precondition && (await buildOperator(options.precondition, problem));
  const { x, method, solution } = await progress.stage("solving", 1, () =>
    solved(operator, b, options, preconditioner, signal),
  );
  const image = await operator.apply(x, { k: b.k, signal });
  if (preconditioner) await disposed(preconditioner);
  if (options.out) await writeArrays(options.out, splitByParameter(problem.space, x, b.k > 1 ? b.k : undefined));
  const outcome = solution?.outcome ?? "exact";
  const result: SolveResult = {
    ...(await subjectOf(options, setting, { tolerance: options.tolerance, rightHandSide: options.rhs })),
    damping: options.damping,
    method,
    preconditioner: options.precondition ? operatorText(options.precondition) : null,
    outcome,
    iterations: solution?.iterations ?? 0,
    products: solution?.products ?? 0,
    rows: rowsOf(b, x, image, options.damping, solution),
    file: options.out ?? null,
  };
  return { result, failed: outcome !== "exact" && outcome !== "converged" };
}

interface Solved {
  readonly x: Float64Array;
  readonly method: string;
  /** Absent where the operator knew its inverse. */
  readonly solution?: Solution;
}

async function solved(
  a: LinearOperator,
  { rows, k }: RightHandSide,
  { damping, method, rule, tolerance, maxIterations }: SolveOptions,
  precondition: LinearOperator | undefined,
  signal: AbortSignal,
): Promise<Solved> {
  if (method === "auto" && !precondition && a.exact?.inverse) {
    const own = await inverse(a, { damping, rule });
    return {
      x: await own.apply(rows, { k, signal }),
      method: rule === "exact" ? "own inverse" : `own inverse, ${rule}`,
    };
  }
  const found: Solution[] = [];
  const inverted = iterativeInverse(a, {
    damping,
    relativeTolerance: tolerance,
    ...(method === "auto" ? {} : { method }),
    ...(maxIterations && { maxIterations }),
    ...(precondition && { preconditioner: await inverse(precondition, { damping, rule }) }),
    onSolve: (solution) => found.push(solution),
  });
  const x = await inverted.apply(rows, { k, signal });
  const [solution] = found;
  return { x, method: inverted.method, ...(solution && { solution }) };
}

function rowsOf(
  { rows, k }: RightHandSide,
  x: Float64Array,
  image: Float64Array,
  damping: number,
  solution: Solution | undefined,
): SolveResult["rows"] {
  const n = rows.length / k;
  const part = (of: Float64Array, i: number): Float64Array => of.subarray(i * n, (i + 1) * n);
  return Array.from({ length: k }, (_, i) => {
    const [bi, xi, ai] = [part(rows, i), part(x, i), part(image, i)];
    const left = bi.map((value, j) => value - (ai[j] ?? 0) - damping * (xi[j] ?? 0));
    const report = solution?.rows[i];
    return {
      outcome: report?.outcome ?? "exact",
      iterations: report?.iterations ?? 0,
      residual: norm(bi) === 0 ? norm(left) : norm(left) / norm(bi),
      norm: norm(xi),
      history: [...(report?.residualHistory ?? [])],
    };
  });
}

function norm(v: Float64Array): number {
  return Math.sqrt(v.reduce((sum, x) => sum + x * x, 0));
}
