/** What directions need to know of the data's rows: their predictions, and how much each loss term counts. */
import { type Problem, predict } from "@hessonite/core";

const product = (shape: readonly number[]): number => shape.reduce((n, d) => n * d, 1);

/** f `[rows, outputs]`. */
export async function predictionsOf(problem: Problem, signal?: AbortSignal): Promise<Float64Array> {
  const outputs = product(problem.survey.binding.prediction.shape.slice(1));
  const all = new Float64Array(problem.survey.rows * outputs);
  for await (const { firstRow, prediction } of predict(problem, signal ? { signal } : {}))
    all.set(Float64Array.from(prediction.data), firstRow * outputs);
  return all;
}

/** s of the term that each output is part of, `[rows, outputs]`. */
export async function termWeights({ survey, loss, batches }: Problem, signal?: AbortSignal): Promise<Float64Array> {
  const { shape } = survey.binding.prediction;
  const [outputs, terms] = [product(shape.slice(1)), survey.termsPerRow];
  const axis = loss.classAxis(shape) ?? shape.length; // without one every output is a term
  const inner = product(shape.slice(axis + 1));
  const classes = outputs / terms;
  const all = new Float64Array(survey.rows * outputs);
  for await (const { firstRow, rows, weights } of batches(signal)) {
    for (let at = 0; at < rows * outputs; at++) {
      const [row, k] = [Math.floor(at / outputs), at % outputs];
      const term = Math.floor(k / (inner * classes)) * inner + (k % inner);
      all[firstRow * outputs + at] = Number(weights.data[row * terms + term]!);
    }
  }
  return all;
}

/** w_n, how often a row counts, `[rows]`. */
export async function rowWeights({ survey, batches }: Problem, signal?: AbortSignal): Promise<Float64Array> {
  const all = new Float64Array(survey.rows);
  for await (const { firstRow, rows, rowWeights: own } of batches(signal))
    all.set(Float64Array.from(own.data.subarray(0, rows)), firstRow);
  return all;
}
