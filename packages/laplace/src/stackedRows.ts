/** Matrices of as many columns, one below the other. */
import { type Matrix, matrix } from "@hessonite/core";

export function stackedRows(parts: readonly Matrix[]): Matrix {
  const rows = parts.reduce((sum, part) => sum + part.rows, 0);
  const columns = parts[0]?.columns ?? 0;
  const all = matrix(rows, columns);
  let at = 0;
  for (const { data } of parts) {
    all.data.set(data, at);
    at += data.length;
  }
  return all;
}
