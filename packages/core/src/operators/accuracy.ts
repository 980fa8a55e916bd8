/**
 * The share of predictions that are right, each as much as its weight.
 *
 *     Σ_t s_t [argmax f_t = argmax y_t] / Σ_t s_t
 *
 * Cross-entropy: a term is right if the largest logit is its label's (ties: the first). Binary cross-entropy: an entry is
 * right if f > 0 where y > ½.
 */
import { type Shape, sizeOf } from "../ir/shape.ts";
import type { Tensor } from "../ir/tensor.ts";
import type { PreparedBatch } from "./batches.ts";
import { predictBatch } from "./predict.ts";
import type { Problem } from "./problem.ts";

/** Of each term the share of its entries that are right. */
type Judge = (prediction: Tensor, target: Tensor) => Float64Array;

const judges: Readonly<Record<string, Judge>> = { "cross-entropy": byLargest, "bce-with-logits": bySign };

/**
 * @returns A number from 0 to 1; undefined for losses that do not classify, and for data without targets.
 *
 * Cost: one evaluation of the model.
 */
export async function accuracy(
  problem: Problem,
  { signal }: { readonly signal?: AbortSignal } = {},
): Promise<number | undefined> {
  const judge = judges[problem.loss.name];
  if (!judge || !problem.survey.labelled) return undefined;
  let [right, total] = [0, 0];
  for await (const batch of problem.batches(signal)) {
    signal?.throwIfAborted();
    const judged = judge(await predictBatch(problem, problem.bind(batch), batch), targetOf(batch));
    judged.forEach((share, term) => {
      const weight = batch.weights.data[term] ?? 0; // 0 in padding
      right += weight * share;
      total += weight;
    });
  }
  return right / total;
}

function targetOf({ target }: PreparedBatch): Tensor {
  return target as Tensor; // every batch has one, says the survey
}

function byLargest(prediction: Tensor, target: Tensor): Float64Array {
  const guesses = largestOverAxis1(prediction);
  const labels = target.shape.length === prediction.shape.length ? largestOverAxis1(target) : target.data;
  return guesses.map((guess, term) => Number(guess === labels[term]));
}

/** The first index of the largest entry along axis 1, for every other position in order. */
function largestOverAxis1({ shape, data }: Tensor): Float64Array {
  const [rows, classes, inner] = split(shape);
  return Float64Array.from({ length: rows * inner }, (_, term) => {
    const start = Math.floor(term / inner) * classes * inner + (term % inner);
    let best = 0;
    for (let c = 1; c < classes; c++) if (data[start + c * inner]! > data[start + best * inner]!) best = c;
    return best;
  });
}

function split([rows = 1, classes = 1, ...inner]: Shape): [number, number, number] {
  return [rows, classes, sizeOf(inner)];
}

function bySign(prediction: Tensor, target: Tensor): Float64Array {
  const { shape, data } = prediction;
  const entries = shape.length > 1 ? (shape.at(-1) ?? 1) : 1;
  return Float64Array.from({ length: data.length / entries }, (_, term) => {
    let right = 0;
    for (let i = term * entries; i < (term + 1) * entries; i++) right += Number(data[i]! > 0 === target.data[i]! > 0.5);
    return right / entries;
  });
}
