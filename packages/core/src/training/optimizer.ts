/**
 * Steps from gradients, in place.
 *
 *     SGD     v ← μ v + g,  θ ← θ − η v                                        (g + w θ in place of g with weight decay w)
 *     Adam    m ← β₁ m + (1 − β₁) g,  v ← β₂ v + (1 − β₂) g²,  θ ← θ − η m̂ / (√v̂ + ε)
 *
 * Adam's weight decay is decoupled (AdamW): θ ← (1 − η w) θ before the step.
 *
 * Sources: Sutskever et al. (2013), ICML (momentum as PyTorch has it); Kingma & Ba (2015), arXiv:1412.6980; Loshchilov &
 * Hutter (2019), arXiv:1711.05101.
 */
import { UsageError } from "../errors.ts";
import type { Vector } from "../operators/linearOperator.ts";

export type OptimizerOptions =
  | {
      readonly kind: "sgd";
      readonly learningRate: number;
      readonly momentum?: number;
      readonly nesterov?: boolean;
      readonly weightDecay?: number;
    }
  | {
      readonly kind: "adam";
      readonly learningRate: number;
      readonly beta1?: number;
      readonly beta2?: number;
      readonly epsilon?: number;
      readonly weightDecay?: number;
    };

export interface Optimizer {
  /** Moves θ by a gradient; `factor` is the schedule's part of the learning rate. */
  step(theta: Vector, gradient: Vector, factor: number): void;
}

/** @throws {UsageError} unless the learning rate is positive. */
export function optimizerOf(options: OptimizerOptions, size: number): Optimizer {
  if (!(options.learningRate > 0)) {
    throw new UsageError("Cannot train as the learning rate is not positive", { found: options.learningRate });
  }
  return options.kind === "sgd" ? sgd(options, size) : adam(options, size);
}

function sgd(
  { learningRate, momentum = 0, nesterov = false, weightDecay = 0 }: Extract<OptimizerOptions, { kind: "sgd" }>,
  size: number,
): Optimizer {
  const velocity = new Float64Array(size);
  return {
    step(theta, gradient, factor) {
      for (const [i, g] of gradient.entries()) {
        const slope = g + weightDecay * theta[i]!;
        velocity[i] = momentum * velocity[i]! + slope;
        theta[i]! -= factor * learningRate * (nesterov ? slope + momentum * velocity[i]! : velocity[i]!);
      }
    },
  };
}

function adam(
  {
    learningRate,
    beta1 = 0.9,
    beta2 = 0.999,
    epsilon = 1e-8,
    weightDecay = 0,
  }: Extract<OptimizerOptions, { kind: "adam" }>,
  size: number,
): Optimizer {
  const [m, v] = [new Float64Array(size), new Float64Array(size)];
  let steps = 0;
  return {
    step(theta, gradient, factor) {
      steps++;
      const rate = factor * learningRate;
      const [unbias1, unbias2] = [1 - beta1 ** steps, 1 - beta2 ** steps];
      for (const [i, g] of gradient.entries()) {
        m[i] = beta1 * m[i]! + (1 - beta1) * g;
        v[i] = beta2 * v[i]! + (1 - beta2) * g * g;
        theta[i] =
          (1 - rate * weightDecay) * theta[i]! - (rate * m[i]!) / unbias1 / (Math.sqrt(v[i]! / unbias2) + epsilon);
      }
    },
  };
}
