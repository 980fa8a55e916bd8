/**
 * What merging knows of a task: a model, and the quadratic that its loss is near the model.
 *
 *     L_i(θ) ≈ L_i + g_iᵀ(θ − θ_i) + ½ ‖θ − θ_i‖²_{F_i}
 *
 * F_i is a curvature matrix of the task's mean loss at θ_i, known by its products.
 */
import {
  type EkfacOperator,
  type KroneckerFactors,
  type LinearOperator,
  MismatchError,
  type ParameterSpace,
  UsageError,
  type Vector,
} from "@hessonite/core";

export const curvatureKinds = ["diagonal", "regmean", "kfac", "ekfac", "block-diagonal", "ggn"] as const;

export type CurvatureKind = (typeof curvatureKinds)[number];

export interface TaskCurvature {
  /** For messages and reports. */
  readonly name: string;
  readonly kind: CurvatureKind;
  readonly space: ParameterSpace;
  /** θ_i */
  readonly values: Vector;
  /** n_i, rows, each as often as its weight says. */
  readonly rows: number;
  /** F_i */
  readonly metric: LinearOperator;
  /** g_i, the mean loss's gradient at θ_i; absent where there were no labels. */
  readonly gradient?: Vector;
  /** L_i(θ_i); absent where there were no labels. */
  readonly loss?: number;
  /** What systems with F_i are preconditioned by, and its mean curvature is read off. */
  readonly approximation: { readonly diagonal: Vector } | { readonly factors: KroneckerFactors };
  /** EKFAC's own blocks, for the artefact. */
  readonly eigenBlocks?: EkfacOperator["blocks"];
  /** λ of the prior ½ λ‖θ‖² that the model was trained with beside its mean loss; 0 unless given. */
  readonly prior?: number;
}

/**
 * @throws {UsageError} if there are no tasks.
 * @throws {MismatchError} naming the first parameter that differs, or if curvatures are of different kinds.
 */
export function requireComparable(tasks: readonly TaskCurvature[]): readonly [TaskCurvature, ...TaskCurvature[]] {
  const [first, ...others] = tasks;
  if (!first) throw new UsageError("Cannot merge as there are no tasks");
  for (const other of others) {
    requireSameSpace(first, other);
    if (other.kind === first.kind) continue;
    throw new MismatchError("Cannot merge by curvatures of different kinds", {
      at: other.name,
      expected: first.kind,
      found: other.kind,
    });
  }
  return [first, ...others];
}

/** @throws {MismatchError} naming the first parameter that differs. */
export function requireSameSpace(
  a: Pick<TaskCurvature, "name" | "space">,
  b: Pick<TaskCurvature, "name" | "space">,
): void {
  const text = (space: ParameterSpace, i: number): string => {
    const parameter = space.parameters[i];
    return parameter ? `"${parameter.name}" [${parameter.shape.join(", ")}]` : "no further parameter";
  };
  for (let i = 0; i < Math.max(a.space.parameters.length, b.space.parameters.length); i++) {
    const [expected, found] = [text(a.space, i), text(b.space, i)];
    if (expected === found) continue;
    throw new MismatchError("Cannot merge models as their parameters differ", {
      at: `${b.name}, parameter ${i}`,
      expected: `${expected} as in ${a.name}`,
      found,
    });
  }
}
