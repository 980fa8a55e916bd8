/**
 * A model's own predictions as targets: what it knows, without labels.
 *
 *     cross-entropy     target softmax(f)      L(θ) − L(θ₀) = mean KL(p_θ₀ ‖ p_θ)
 *     bce-with-logits   target sigmoid(f)      the same, entry by entry
 *     mse               target f               ‖f_θ − f_θ₀‖², 2σ² times the KL of Gaussians
 *
 * The GGN of these losses at θ₀ is that of the labelled loss (neither depends on the labels), and their gradient there is 0.
 */
import type { Batch, Dataset } from "../data/dataset.ts";
import { UsageError } from "../errors.ts";
import { sizeOf } from "../ir/shape.ts";
import type { Tensor } from "../ir/tensor.ts";
import { binaryCrossEntropy } from "../loss/binaryCrossEntropy.ts";
import { crossEntropy } from "../loss/crossEntropy.ts";
import type { Loss } from "../loss/loss.ts";
import { squaredError } from "../loss/squaredError.ts";
import { predict } from "../operators/predict.ts";
import type { Problem } from "../operators/problem.ts";

export interface Taught {
  readonly data: Dataset;
  /** A mean. */
  readonly loss: Loss;
}

interface Teaching {
  readonly loss: () => Loss;
  readonly target: (f: Tensor) => Tensor;
}

const teachings: Readonly<Record<string, Teaching>> = {
  "cross-entropy": { loss: () => crossEntropy({ targets: "probabilities" }), target: softmax },
  "bce-with-logits": { loss: () => binaryCrossEntropy(), target: (f) => mapped(f, (x) => 1 / (1 + Math.exp(-x))) },
  mse: { loss: () => squaredError(), target: (f) => mapped(f, (x) => x) },
};

/**
 * The problem's rows (and their weights) with its predictions as targets; kept in memory.
 *
 * @throws {UsageError} if the loss is none of the named ones: its predictions have no known distribution.
 */
export async function ownPredictions(
  problem: Problem,
  { signal }: { readonly signal?: AbortSignal } = {},
): Promise<Taught> {
  const teaching = teachings[problem.loss.name];
  if (!teaching) {
    throw new UsageError("Cannot use predictions as targets as the loss says no distribution", {
      at: `loss "${problem.loss.name}"`,
      expected: Object.keys(teachings).join(", "),
    });
  }
  const targets: Tensor[] = [];
  for await (const { prediction } of predict(problem, signal ? { signal } : {}))
    targets.push(teaching.target(prediction));
  const { data } = problem;
  return {
    loss: teaching.loss(),
    data: {
      ...data,
      name: `${data.name}, the model's own predictions`,
      async *batches(): AsyncGenerator<Batch> {
        let index = 0;
        for await (const batch of data.batches()) yield { ...batch, target: targets[index++]! };
      },
    },
  };
}

function mapped({ shape, data }: Tensor, f: (x: number) => number): Tensor {
  return { dtype: "float32", shape, data: Float64Array.from(data, f) };
}

/** Over axis 1, in float64. */
function softmax({ shape, data }: Tensor): Tensor {
  const classes = shape[1] ?? 1;
  const inner = sizeOf(shape.slice(2));
  const out = new Float64Array(data.length);
  for (let term = 0; term < data.length / classes; term++) {
    const start = Math.floor(term / inner) * classes * inner + (term % inner);
    let largest = Number.NEGATIVE_INFINITY;
    for (let c = 0; c < classes; c++) largest = Math.max(largest, data[start + c * inner]!);
    let total = 0;
    for (let c = 0; c < classes; c++) total += Math.exp(data[start + c * inner]! - largest);
    for (let c = 0; c < classes; c++) out[start + c * inner] = Math.exp(data[start + c * inner]! - largest) / total;
  }
  return { dtype: "float32", shape, data: out };
}
