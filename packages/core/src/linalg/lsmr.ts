/**
 * LSMR for least squares with any operator A [m, n], for K right-hand sides at once.
 *
 *     min ‖A x − b‖² + δ ‖x − x₀‖²      x₀: where it starts, 0 unless said
 *
 * Ends as "converged" where the residual is small relative to ‖b‖, and as "least squares" where it is orthogonal to A's
 * range within the tolerance. Both are success; which one it is depends on b. The damping δ is that of AᵀA + δ I.
 *
 * Source: Fong & Saunders (2011), LSMR: an iterative algorithm for sparse least-squares, SIAM J. Sci. Comput. 33(5).
 */
import type { LinearOperator } from "../operators/linearOperator.ts";
import { relative } from "./conjugateGradient.ts";
import { type Method, times } from "./lockstep.ts";
import {
  type Outcome,
  type RowProblem,
  type RowSolution,
  type Solution,
  type SolverOptions,
  solveRows,
} from "./solver.ts";
import { axpy, norm, normalize } from "./vector.ts";

/** @param b k rows of m entries; the solution has k rows of n. */
export async function lsmr(a: LinearOperator, b: Float64Array, options: SolverOptions = {}): Promise<Solution> {
  const adjoint = a.adjoint();
  return solveRows(a, b, options, (problem) => solveRow(a, adjoint, problem));
}

interface Givens {
  readonly c: number;
  readonly s: number;
  readonly r: number;
}

function givens(a: number, b: number): Givens {
  const r = Math.hypot(a, b);
  return r === 0 ? { c: 1, s: 0, r: 0 } : { c: a / r, s: b / r, r };
}

function* solveRow(a: LinearOperator, adjoint: LinearOperator, problem: RowProblem): Method<RowSolution> {
  const { b, start, damping, relativeTolerance, maxIterations } = problem;
  const scale = norm(b);
  const x = start ?? new Float64Array(a.shape[1]);
  // Golub–Kahan bidiagonalisation: β u = b − A x, α v = Aᵀ u.
  const u = b.slice();
  if (start) axpy(-1, yield* times(a, x), u);
  let beta = normalize(u);
  const history: number[] = [relative(beta, scale)];
  const end = (outcome: Outcome): RowSolution => ({
    x,
    outcome,
    iterations: history.length - 1,
    residualHistory: Float64Array.from(history),
  });
  if (beta <= relativeTolerance * scale) return end("converged");
  let v = yield* times(adjoint, u);
  let alpha = normalize(v);
  if (Number.isNaN(alpha)) return end("breakdown");

  let [alphabar, zetabar, rho, rhobar, cbar, sbar, zeta] = [alpha, alpha * beta, 1, 1, 1, 0, 0];
  const residual = residualRecurrence(beta);
  let squaredSize = alpha * alpha;
  const h = v.slice();
  const hbar = new Float64Array(x.length);
  while (history.length <= maxIterations) {
    const normalResidual = Math.abs(zetabar);
    if (history.at(-1)! <= relativeTolerance) return end("converged");
    if (normalResidual <= relativeTolerance * Math.sqrt(squaredSize) * history.at(-1)! * scale)
      return end("least squares");
    const next = yield* times(a, v);
    axpy(-alpha, u, next);
    beta = normalize(next);
    u.set(next);
    const w = yield* times(adjoint, u);
    axpy(-beta, v, w);
    alpha = normalize(w);
    v = w;
    if (Number.isNaN(alpha + beta)) return end("breakdown");

    const hat = givens(alphabar, Math.sqrt(damping));
    const [oldRho, oldRhobar, oldZeta] = [rho, rhobar, zeta];
    const turn = givens(hat.r, beta);
    rho = turn.r;
    const theta = turn.s * alpha;
    alphabar = turn.c * alpha;
    const thetabar = sbar * rho;
    const bar = givens(cbar * rho, theta);
    [cbar, sbar, rhobar] = [bar.c, bar.s, bar.r];
    zeta = cbar * zetabar;
    zetabar = -sbar * zetabar;
    if (rho === 0 || rhobar === 0) return end("least squares");

    const back = (thetabar * rho) / (oldRho * oldRhobar);
    for (let i = 0; i < hbar.length; i++) hbar[i] = h[i]! - back * hbar[i]!;
    axpy(zeta / (rho * rhobar), hbar, x);
    for (let i = 0; i < h.length; i++) h[i] = v[i]! - (theta / rho) * h[i]!;
    squaredSize += beta * beta + alpha * alpha;
    history.push(relative(residual({ hat, turn, thetabar, rhobar, zeta, oldZeta }), scale));
  }
  return end("iteration limit");
}

interface Turned {
  readonly hat: Givens;
  readonly turn: Givens;
  readonly thetabar: number;
  readonly rhobar: number;
  readonly zeta: number;
  readonly oldZeta: number;
}

/** ‖(b − A x, −√δ x)‖ from the rotations alone; section 5.1 of the source, in its letters. */
function residualRecurrence(beta: number): (turned: Turned) => number {
  let [betadd, betad, rhod, tautilde, thetatilde, d] = [beta, 0, 1, 0, 0, 0];
  return ({ hat, turn, thetabar, rhobar, zeta, oldZeta }) => {
    const betaacute = hat.c * betadd;
    const betacheck = -hat.s * betadd;
    const betahat = turn.c * betaacute;
    betadd = -turn.s * betaacute;
    const tilde = givens(rhod, thetabar);
    const oldThetatilde = thetatilde;
    thetatilde = tilde.s * rhobar;
    rhod = tilde.c * rhobar;
    betad = -tilde.s * betad + tilde.c * betahat;
    tautilde = (oldZeta - oldThetatilde * tautilde) / tilde.r;
    const taud = (zeta - thetatilde * tautilde) / rhod;
    d += betacheck * betacheck;
    return Math.sqrt(d + (betad - taud) ** 2 + betadd * betadd);
  };
}
