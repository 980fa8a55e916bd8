/** How good class probabilities are: `probabilities [rows, C]` against one label a row. */

/** −log p of each row's label. */
export function negativeLogLikelihoods(probabilities: Float64Array, labels: ArrayLike<number>): Float64Array {
  const classes = probabilities.length / labels.length;
  return Float64Array.from(
    { length: labels.length },
    (_, row) => -Math.log(Math.max(probabilities[row * classes + labels[row]!]!, Number.MIN_VALUE)),
  );
}

/** Share of rows whose most probable class is the label. */
export function accuracyOf(probabilities: Float64Array, labels: ArrayLike<number>): number {
  const tops = mostProbable(probabilities, labels.length);
  return mean(tops.map(({ index }, row) => Number(index === labels[row])));
}

/** Mean over rows of Σ_c (p_c − [c = label])²: between 0 and 2. */
export function brierScore(probabilities: Float64Array, labels: ArrayLike<number>): number {
  const classes = probabilities.length / labels.length;
  const sum = probabilities.reduce(
    (total, p, at) => total + (p - Number(at % classes === labels[Math.floor(at / classes)])) ** 2,
    0,
  );
  return sum / labels.length;
}

/** Rows whose confidence lies in one interval. */
export interface ReliabilityBin {
  readonly from: number;
  readonly to: number;
  readonly rows: number;
  /** Mean probability of the predicted class; NaN without rows. */
  readonly confidence: number;
  /** Share of rows that it is right for. */
  readonly accuracy: number;
}

/** Confidence against accuracy in equal intervals of confidence, 15 unless said. */
export function reliability(probabilities: Float64Array, labels: ArrayLike<number>, bins = 15): ReliabilityBin[] {
  const tops = mostProbable(probabilities, labels.length).map(({ index, value }, row) => ({
    value,
    right: Number(index === labels[row]),
  }));
  return Array.from({ length: bins }, (_, bin) => {
    const own = tops.filter(({ value }) => Math.min(Math.ceil(value * bins) - 1, bins - 1) === bin);
    return {
      from: bin / bins,
      to: (bin + 1) / bins,
      rows: own.length,
      confidence: mean(own.map(({ value }) => value)),
      accuracy: mean(own.map(({ right }) => right)),
    };
  });
}

/**
 * Expected calibration error: the mean over rows of |confidence − accuracy| of their bins.
 *
 * Source: Guo et al. (2017), On calibration of modern neural networks, ICML.
 */
export function calibrationError(probabilities: Float64Array, labels: ArrayLike<number>, bins = 15): number {
  return reliability(probabilities, labels, bins).reduce(
    (sum, { rows, confidence, accuracy }) =>
      rows === 0 ? sum : sum + (rows / labels.length) * Math.abs(confidence - accuracy),
    0,
  );
}

/** −Σ_c p_c log p_c of each row, in nats. */
export function entropies(probabilities: Float64Array, rows: number): Float64Array {
  const classes = probabilities.length / rows;
  const out = new Float64Array(rows);
  probabilities.forEach((p, at) => {
    if (p > 0) out[Math.floor(at / classes)]! -= p * Math.log(p);
  });
  return out;
}

function mostProbable(probabilities: Float64Array, rows: number): { readonly index: number; readonly value: number }[] {
  const classes = probabilities.length / rows;
  return Array.from({ length: rows }, (_, row) => {
    const own = probabilities.subarray(row * classes, (row + 1) * classes);
    const value = own.reduce((most, p) => Math.max(most, p), 0);
    return { index: own.indexOf(value), value };
  });
}

/** NaN of nothing. */
export function mean(values: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]!;
  return sum / values.length;
}
