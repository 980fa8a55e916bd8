/** What the model itself predicts. */
import { type Matrix, matrix, type Problem, predict } from "@hessonite/core";

/** Predictions of all rows, `[rows, C]`. */
export async function meanOutputs(problem: Problem, signal?: AbortSignal): Promise<Matrix> {
  const parts: ArrayLike<number>[] = [];
  let rows = 0;
  for await (const batch of predict(problem, signal ? { signal } : {})) {
    parts.push(batch.prediction.data.slice());
    rows += batch.rows;
  }
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const data = new Float64Array(length);
  let at = 0;
  for (const part of parts) {
    data.set(part, at);
    at += part.length;
  }
  return matrix(rows, length / rows, data);
}
