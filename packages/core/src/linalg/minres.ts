/**
 * MINRES for (A + δ I) x = b, A symmetric and possibly indefinite or singular, for K right-hand sides at once.
 *
 * Minimises ‖b − (A + δ I) x‖ over the Krylov space. Where b is out of A's reach the row ends as "least squares".
 * With a preconditioner M (symmetric positive definite) the residual is measured in the norm of M.
 *
 * Source: Paige & Saunders (1975), SIAM J. Numer. Anal. 12(4); stopping as in Choi, Paige & Saunders (2011).
 */
import type { LinearOperator } from "../operators/linearOperator.ts";
import { type PreconditionedOptions, relative } from "./conjugateGradient.ts";
import { type Method, times } from "./lockstep.ts";
import { requireSelfAdjoint } from "./requirements.ts";
import {
  type Outcome,
  type RowProblem,
  type RowSolution,
  requirePreconditioner,
  type Solution,
  solveRows,
} from "./solver.ts";
import { axpy, dot, scaled } from "./vector.ts";

export async function minres(
  a: LinearOperator,
  b: Float64Array,
  options: PreconditionedOptions = {},
): Promise<Solution> {
  requireSelfAdjoint(a, "run MINRES");
  requirePreconditioner(a, options.preconditioner);
  return solveRows(a, b, options, (problem) => solveRow(a, options.preconditioner, problem));
}

function* solveRow(a: LinearOperator, m: LinearOperator | undefined, problem: RowProblem): Method<RowSolution> {
  const { b, start, damping, relativeTolerance, maxIterations } = problem;
  const n = b.length;
  const x = start ?? new Float64Array(n);
  const precondition = function* (r: Float64Array): Method<Float64Array> {
    return m ? yield* times(m, r) : r.slice();
  };

  const orthogonal = Math.max(0.01 * relativeTolerance, 2 ** -26); // √ε: no smaller value can be told from rounding
  let r2: Float64Array = b.slice();
  if (start) {
    axpy(-1, yield* times(a, x), r2);
    axpy(-damping, x, r2);
  }
  let r1: Float64Array = r2;
  let y = yield* precondition(r2);
  // ‖b‖ in the norm of M, so that a good start is not held to a stricter mark.
  const scale = Math.sqrt(dot(b, start ? yield* precondition(b) : y));
  let beta = Math.sqrt(dot(r2, y));
  const history: number[] = [relative(beta, scale)];
  const end = (outcome: Outcome): RowSolution => ({
    x,
    outcome,
    iterations: history.length - 1,
    residualHistory: Float64Array.from(history),
  });

  let [phibar, oldBeta, cosine, sine, dbar, epsilon, size] = [beta, 0, -1, 0, 0, 0, 0];
  let w: Float64Array = new Float64Array(n);
  let w2 = w;
  while (!(history.at(-1)! <= relativeTolerance)) {
    if (history.length > maxIterations) return end("iteration limit");
    if (!(beta > 0)) return end("breakdown");
    // Lanczos: the next column of T is (oldBeta, alpha, beta).
    const v = scaled(1 / beta, y);
    const q = yield* times(a, v);
    axpy(damping, v, q);
    if (history.length > 1) axpy(-beta / oldBeta, r1, q);
    const alpha = dot(v, q);
    axpy(-alpha / beta, r2, q);
    [r1, r2] = [r2, q];
    y = yield* precondition(r2);
    [oldBeta, beta] = [beta, Math.sqrt(Math.max(0, dot(r2, y)))];
    size = Math.max(size, Math.hypot(history.length > 1 ? oldBeta : 0, alpha, beta)); // the first β is ‖b‖, not T's

    // Givens rotation: the last column of R is (oldEpsilon, delta, gamma).
    const oldEpsilon = epsilon;
    const delta = cosine * dbar + sine * alpha;
    const gbar = sine * dbar - cosine * alpha;
    epsilon = sine * beta;
    dbar = -cosine * beta;
    const normalResidual = phibar * Math.hypot(gbar, dbar); // ‖A r‖
    if (normalResidual <= orthogonal * size * phibar) return end("least squares");
    const gamma = Math.hypot(gbar, beta);
    if (!(gamma > 0)) return end("breakdown");
    [cosine, sine] = [gbar / gamma, beta / gamma];
    const phi = cosine * phibar;
    phibar = sine * phibar;

    const w1 = w2;
    w2 = w;
    w = v.map((vi, i) => (vi - oldEpsilon * w1[i]! - delta * w2[i]!) / gamma);
    axpy(phi, w, x);
    history.push(relative(Math.abs(phibar), scale));
  }
  return end("converged");
}
