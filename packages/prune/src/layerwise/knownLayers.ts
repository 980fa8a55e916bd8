/** Layers for tests: inputs of several kinds, and the truth by brute force. */
import { type Matrix, matmul, matrix, type RandomStream, randomStream } from "@hessonite/core";

export function normalMatrix(stream: RandomStream, rows: number, columns: number): Matrix {
  return matrix(
    rows,
    columns,
    Float64Array.from({ length: rows * columns }, () => stream.normal()),
  );
}

/** Inputs `[n, d]` whose neighbours are correlated, that lie near few directions, or that are mixed at random. */
export const inputKinds = {
  autoregressive(stream: RandomStream, n: number, d: number): Matrix {
    const x = normalMatrix(stream, n, d);
    for (let i = 0; i < n; i++) {
      for (let j = 1; j < d; j++) {
        x.data[i * d + j] = 0.9 * x.data[i * d + j - 1]! + Math.sqrt(1 - 0.81) * x.data[i * d + j]!;
      }
    }
    return x;
  },
  "low rank plus noise"(stream: RandomStream, n: number, d: number): Matrix {
    const x = matmul(normalMatrix(stream, n, 4), normalMatrix(stream, 4, d));
    return matrix(
      n,
      d,
      x.data.map((v) => v + 0.1 * stream.normal()),
    );
  },
  "Gaussian mixes"(stream: RandomStream, n: number, d: number): Matrix {
    return matmul(normalMatrix(stream, n, d), normalMatrix(stream, d, d));
  },
} as const;

export function correlatedLayer(
  seed: number,
  rows: number,
  d: number,
  kind: keyof typeof inputKinds = "autoregressive",
): { readonly x: Matrix; readonly weights: Matrix } {
  const stream = randomStream(seed, "layer");
  return { x: inputKinds[kind](stream, 4 * d, d), weights: normalMatrix(stream, rows, d) };
}

/** Solves A x = b by Gaussian elimination, written apart from the library's factorisations. */
export function solvePlainly(a: readonly (readonly number[])[], b: readonly number[]): number[] {
  const m = a.map((row, i) => [...row, b[i]!]);
  const n = m.length;
  for (let k = 0; k < n; k++) {
    let pivot = k;
    for (let i = k + 1; i < n; i++) if (Math.abs(m[i]![k]!) > Math.abs(m[pivot]![k]!)) pivot = i;
    [m[k], m[pivot]] = [m[pivot]!, m[k]!];
    for (let i = 0; i < n; i++) {
      if (i === k) continue;
      const factor = m[i]![k]! / m[k]![k]!;
      for (let j = k; j <= n; j++) m[i]![j]! -= factor * m[k]![j]!;
    }
  }
  return m.map((row, i) => row[n]! / row[i]!);
}

/** min ½ (w − w₀)ᵀ H (w − w₀) over w that is 0 outside `kept`, by the normal equations of the kept entries. */
export function bestOnKept(
  hessian: Matrix,
  w0: ArrayLike<number>,
  kept: readonly number[],
): { readonly w: Float64Array; readonly loss: number } {
  const d = hessian.columns;
  const h = (i: number, j: number): number => hessian.data[i * d + j]!;
  const right = kept.map((i) => Array.from({ length: d }, (_, j) => h(i, j) * w0[j]!).reduce((a, b) => a + b, 0));
  const w = new Float64Array(d);
  if (kept.length > 0) {
    const found = solvePlainly(
      kept.map((i) => kept.map((j) => h(i, j))),
      right,
    );
    kept.forEach((j, k) => {
      w[j] = found[k]!;
    });
  }
  let loss = 0;
  for (let i = 0; i < d; i++) for (let j = 0; j < d; j++) loss += 0.5 * (w[i]! - w0[i]!) * h(i, j) * (w[j]! - w0[j]!);
  return { w, loss };
}

/** (1/n) ‖X (W − W₀)ᵀ‖², entry by entry. */
export function measuredLoss(x: Matrix, before: Matrix, after: Matrix): number {
  let total = 0;
  for (let n = 0; n < x.rows; n++) {
    for (let r = 0; r < before.rows; r++) {
      let output = 0;
      for (let j = 0; j < x.columns; j++) {
        const at = r * x.columns + j;
        output += x.data[n * x.columns + j]! * (after.data[at]! - before.data[at]!);
      }
      total += (output * output) / x.rows;
    }
  }
  return total;
}

/** The least rise of a row's loss for each number of zeros up to `most`, over all subsets: elimination, depth first. */
export function exhaustiveBest(inverse: Matrix, w0: ArrayLike<number>, most: number): Float64Array {
  const d = inverse.columns;
  const best = new Float64Array(most + 1).fill(Number.POSITIVE_INFINITY);
  const visit = (a: Float64Array, w: Float64Array, first: number, zeros: number, loss: number): void => {
    best[zeros] = Math.min(best[zeros]!, loss);
    if (zeros === most) return;
    for (let k = first; k < d; k++) {
      const pivot = a[k * d + k]!;
      const [next, moved] = [a.slice(), w.slice()];
      for (let i = k; i < d; i++) {
        moved[i]! -= (a[k * d + i]! * w[k]!) / pivot;
        for (let j = k; j < d; j++) next[i * d + j]! -= (a[k * d + i]! * a[k * d + j]!) / pivot;
      }
      visit(next, moved, k + 1, zeros + 1, loss + (0.5 * w[k]! * w[k]!) / pivot);
    }
  };
  visit(inverse.data.slice(), Float64Array.from(w0), 0, 0, 0);
  return best;
}
