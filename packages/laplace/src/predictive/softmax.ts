/** Softmax of each of `rows` rows. */
export function softmaxRows(logits: Float64Array, rows: number): Float64Array {
  const width = logits.length / rows;
  const out = new Float64Array(logits.length);
  for (let row = 0; row < rows; row++) {
    const own = logits.subarray(row * width, (row + 1) * width);
    const largest = own.reduce((most, x) => Math.max(most, x), Number.NEGATIVE_INFINITY);
    const powers = own.map((x) => Math.exp(x - largest));
    const total = powers.reduce((sum, x) => sum + x, 0);
    out.set(
      powers.map((x) => x / total),
      row * width,
    );
  }
  return out;
}
