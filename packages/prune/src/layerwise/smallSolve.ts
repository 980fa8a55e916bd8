/** Σ_r b_rᵀ A⁻¹ b_r for a small symmetric A, definite or not, by elimination with pivoting. */
export function inverseForm(a: Float64Array, n: number, b: Float64Array, count: number): number {
  if (n === 1) {
    let sum = 0;
    for (let r = 0; r < count; r++) sum += b[r]! * b[r]!;
    return sum / a[0]!;
  }
  const x = b.slice();
  for (let k = 0; k < n; k++) {
    let pivot = k;
    for (let i = k + 1; i < n; i++) if (Math.abs(a[i * n + k]!) > Math.abs(a[pivot * n + k]!)) pivot = i;
    if (pivot !== k) swapRows(a, x, n, count, k, pivot);
    const d = a[k * n + k]!;
    if (d === 0) return Number.POSITIVE_INFINITY;
    for (let i = k + 1; i < n; i++) {
      const factor = a[i * n + k]! / d;
      if (factor === 0) continue;
      for (let j = k; j < n; j++) a[i * n + j]! -= factor * a[k * n + j]!;
      for (let r = 0; r < count; r++) x[r * n + i]! -= factor * x[r * n + k]!;
    }
  }
  let sum = 0;
  for (let r = 0; r < count; r++) {
    for (let i = n - 1; i >= 0; i--) {
      for (let j = i + 1; j < n; j++) x[r * n + i]! -= a[i * n + j]! * x[r * n + j]!;
      x[r * n + i]! /= a[i * n + i]!;
      sum += x[r * n + i]! * b[r * n + i]!;
    }
  }
  return sum;
}

function swapRows(a: Float64Array, x: Float64Array, n: number, count: number, i: number, k: number): void {
  for (let j = 0; j < n; j++) [a[i * n + j], a[k * n + j]] = [a[k * n + j]!, a[i * n + j]!];
  for (let r = 0; r < count; r++) [x[r * n + i], x[r * n + k]] = [x[r * n + k]!, x[r * n + i]!];
}
