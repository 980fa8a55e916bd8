/** Plain dense algebra on nested lists, for tests: nothing of it is shared with what is tested. */

export function product(a: readonly (readonly number[])[], b: readonly (readonly number[])[]): number[][] {
  return a.map((row) => b[0]!.map((_, j) => row.reduce((sum, x, k) => sum + x * b[k]![j]!, 0)));
}

export function transposed(a: readonly (readonly number[])[]): number[][] {
  return a[0]!.map((_, j) => a.map((row) => row[j]!));
}

/** Gauss–Jordan with pivoting, on [A | I]. */
function eliminated(a: readonly (readonly number[])[]): { readonly rows: number[][]; readonly logDeterminant: number } {
  const n = a.length;
  const rows = a.map((row, i) => [...row, ...row.map((_, j) => Number(i === j))]);
  let logDeterminant = 0;
  for (let k = 0; k < n; k++) {
    const pivot = rows
      .slice(k)
      .reduce((best, row, i) => (Math.abs(row[k]!) > Math.abs(rows[best]![k]!) ? k + i : best), k);
    [rows[k], rows[pivot]] = [rows[pivot]!, rows[k]!];
    const head = rows[k]![k]!;
    logDeterminant += Math.log(Math.abs(head));
    rows[k] = rows[k]!.map((x) => x / head);
    for (let i = 0; i < n; i++) {
      if (i === k) continue;
      const factor = rows[i]![k]!;
      rows[i] = rows[i]!.map((x, j) => x - factor * rows[k]![j]!);
    }
  }
  return { rows, logDeterminant };
}

export function inverse(a: readonly (readonly number[])[]): number[][] {
  return eliminated(a).rows.map((row) => row.slice(a.length));
}

/** log |det A| */
export function logDeterminant(a: readonly (readonly number[])[]): number {
  return eliminated(a).logDeterminant;
}
