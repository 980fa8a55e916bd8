/**
 * Cross-entropy of a softmax over classes, with labels or with probabilities as targets.
 *
 *     ℓ = −Σ_c q_c log p_c,   p = softmax(f)          ∂ℓ/∂f = m p − q,   ∂²ℓ/∂f² = m (diag p − p pᵀ),   m = Σ_c q_c
 *
 * q is the target as a distribution, times the class weights w: for a label y with smoothing ε
 * q_c = w_c ((1−ε)·[c = y] + ε/C), for probabilities q_c = w_c ((1−ε) y_c + ε/C). The class axis is axis 1 (the only one
 * of [C] aside), positions lie behind it. A mean divides by Σ w_y over labels that are not ignored, or by the number of
 * terms for probabilities, as PyTorch does.
 */
import { MismatchError, UsageError } from "../errors.ts";
import type { GraphBuilder } from "../ir/builder.ts";
import { isFloat } from "../ir/dtype.ts";
import type { Value } from "../ir/graph.ts";
import { type Shape, sameShape, showShape, sizeOf } from "../ir/shape.ts";
import { type Tensor, tensor } from "../ir/tensor.ts";
import { requireFinite } from "./finite.ts";
import type { Counting, Likelihood, Loss, PreparedTarget, Reduction } from "./loss.ts";

export interface CrossEntropyOptions {
  readonly reduction?: Reduction;
  /** w_c; 1 unless given. */
  readonly classWeights?: readonly number[];
  /** Labels of this value do not count, neither in the sum nor in the mean's divisor. */
  readonly ignoreIndex?: number;
  /** ε in [0, 1). */
  readonly labelSmoothing?: number;
  /** "labels" (integers) or "probabilities" (floats, with the class axis); labels unless said. */
  readonly targets?: "labels" | "probabilities";
}

/**
 * @throws {UsageError} if an option is out of range.
 *
 * @example
 * ```ts
 * expect(crossEntropy().reduction).toBe("mean");
 * ```
 */
export function crossEntropy(options: CrossEntropyOptions = {}): Loss {
  const { reduction = "mean", ignoreIndex, labelSmoothing = 0, classWeights, targets = "labels" } = options;
  if (!(labelSmoothing >= 0 && labelSmoothing < 1)) {
    throw new UsageError("Cannot smooth labels as the amount is out of range", {
      expected: "0 ≤ ε < 1",
      found: labelSmoothing,
    });
  }
  if (classWeights?.some((w) => !(w >= 0 && Number.isFinite(w)))) {
    throw new UsageError("Cannot weight classes as a weight is negative or not finite", {
      found: classWeights.join(", "),
    });
  }
  const byLabel = targets === "labels";
  const distribution = (g: GraphBuilder, f: Value, y: Value): Value =>
    smoothed(g, f, byLabel ? oneHot(g, f, y) : y, labelSmoothing, classWeights);
  const multiplicity = (g: GraphBuilder, q: Value): Value =>
    byLabel && !classWeights ? g.constant(1, q.dtype) : g.sum(q, [1], true);
  return {
    name: "cross-entropy",
    reduction,
    convex: true,
    termShape: withoutClasses,
    classAxis: () => 1,
    targetInput: (prediction) => ({
      dtype: byLabel ? "int64" : "float32",
      shape: byLabel ? withoutClasses(prediction) : prediction,
    }),
    terms(g, f, y) {
      const q = distribution(g, f, y);
      const logp = g.op("LogSoftmax", [f], { axis: 1 });
      // A class without probability does not count, even where its logit is −∞.
      return g.neg(g.sum(g.where(g.equal(q, 0), 0, g.mul(q, logp)), [1]));
    },
    likelihood: categorical(distribution, multiplicity),
    ...(byLabel && {
      ignoring: (label: number) =>
        crossEntropy(ignoreIndex === undefined ? { ...options, ignoreIndex: label } : options),
    }),
    ...(byLabel && { counting: (g, f, y) => countLabels(g, f, y, ignoreIndex, classWeights) }),
    prepare: (target, prediction, where) =>
      byLabel
        ? prepareLabels(target, prediction, where, ignoreIndex, classWeights)
        : prepareProbabilities(target, prediction, where),
  };
}

function withoutClasses(prediction: Shape): Shape {
  return prediction.filter((_, axis) => axis !== 1);
}

/** `[1, C, 1, …]`: one number a class. */
function perClass(g: GraphBuilder, f: Value, values: readonly number[], dtype: "int64" | typeof f.dtype): Value {
  const shape = [1, values.length, ...f.shape.slice(2).map(() => 1)];
  return g.constantTensor({ dtype, shape, data: Float64Array.from(values) });
}

function oneHot(g: GraphBuilder, f: Value, y: Value): Value {
  const classes = perClass(
    g,
    f,
    Array.from({ length: f.shape[1]! }, (_, c) => c),
    "int64",
  );
  return g.cast(g.equal(g.unsqueeze(y, 1), classes), f.dtype);
}

function smoothed(
  g: GraphBuilder,
  f: Value,
  hard: Value,
  epsilon: number,
  weights: readonly number[] | undefined,
): Value {
  const classes = f.shape[1]!;
  if (weights && weights.length !== classes) {
    throw new MismatchError("Cannot weight classes as there is not one weight a class", {
      expected: classes,
      found: weights.length,
    });
  }
  const soft = epsilon === 0 ? hard : g.add(g.mul(hard, 1 - epsilon), epsilon / classes);
  return weights ? g.mul(soft, perClass(g, f, weights, f.dtype)) : soft;
}

/** The categorical distribution p = softmax(f), a term counted m times. */
function categorical(
  distribution: (g: GraphBuilder, f: Value, y: Value) => Value,
  multiplicity: (g: GraphBuilder, q: Value) => Value,
): Likelihood {
  const softmax = (g: GraphBuilder, f: Value): Value => g.op("Softmax", [f], { axis: 1 });
  /** √m, and 1/√m where m > 0. */
  const roots = (g: GraphBuilder, m: Value): { root: Value; inverse: Value } => {
    const root = g.unary("Sqrt", m);
    const positive = g.greater(m, 0);
    return { root, inverse: g.where(positive, g.div(1, g.where(positive, root, 1)), 0) };
  };
  return {
    noise: "uniform",
    noiseShape: withoutClasses,
    score(g, f, y) {
      const q = distribution(g, f, y);
      const m = multiplicity(g, q);
      return g.mul(g.sub(g.mul(m, softmax(g, f)), q), roots(g, m).inverse);
    },
    // S = √m (diag √p − p √pᵀ): column c is √(m p_c) (e_c − p).
    factor(g, f, y) {
      const { root } = roots(g, multiplicity(g, distribution(g, f, y)));
      const p = softmax(g, f);
      const classes = f.shape[1]!;
      const eye = Float64Array.from({ length: classes * classes }, (_, i) => Number(i % (classes + 1) === 0));
      const units = g.constantTensor({
        dtype: f.dtype,
        shape: [classes, 1, classes, ...f.shape.slice(2).map(() => 1)],
        data: eye,
      });
      // √p_c for column c: [C, B, 1, …]
      const order = [1, 0, ...f.shape.slice(2).map((_, i) => i + 2)];
      const columns = g.transpose(g.unary("Sqrt", p), order);
      const rootP = g.reshape(columns, [classes, f.shape[0]!, 1, ...f.shape.slice(2)]);
      return g.mul(g.mul(rootP, g.sub(units, p)), root);
    },
    // ŷ = the first class whose cumulative probability exceeds the noise, the last one if rounding leaves none.
    sampledScore(g, f, y, noise) {
      const p = softmax(g, f);
      const classes = f.shape[1]!;
      const total = g.op("CumSum", [p], { axis: 1, exclusive: false, reverse: false });
      const reached = g.cast(g.greater(total, g.unsqueeze(noise, 1)), f.dtype);
      const upTo =
        classes === 1
          ? g.fill(1, f.dtype, f.shape)
          : g.concat([g.narrow(reached, 1, 0, classes - 1), g.fill(1, f.dtype, unit(f.shape))], 1);
      const before =
        classes === 1
          ? g.fill(0, f.dtype, f.shape)
          : g.concat([g.fill(0, f.dtype, unit(f.shape)), g.narrow(upTo, 1, 0, classes - 1)], 1);
      const drawn = g.sub(upTo, before);
      return g.mul(g.sub(p, drawn), roots(g, multiplicity(g, distribution(g, f, y))).root);
    },
  };
}

const unit = (shape: Shape): number[] => shape.map((d, axis) => (axis === 1 ? 1 : d));

function prepareLabels(
  target: Tensor,
  prediction: Shape,
  where: string,
  ignoreIndex: number | undefined,
  classWeights: readonly number[] | undefined,
): PreparedTarget {
  const shape = withoutClasses(prediction);
  const classes = prediction[1]!;
  if (sizeOf(shape) !== sizeOf(target.shape) || target.shape[0] !== shape[0]) {
    throw new MismatchError(
      "Cannot use the targets as labels as their shape is not the prediction's without its class axis",
      {
        at: where,
        expected: showShape(shape),
        found: showShape(target.shape),
        try: isFloat(target.dtype)
          ? "for probabilities as targets say so in the loss"
          : "check which output and target are meant",
      },
    );
  }
  const labels = new Float64Array(target.data.length);
  const weights = new Float64Array(target.data.length).fill(1);
  const shares = new Float64Array(target.data.length);
  target.data.forEach((label, i) => {
    if (label === ignoreIndex) {
      weights[i] = 0;
      return;
    }
    if (!Number.isInteger(label) || label < 0 || label >= classes)
      throw badLabel(label, i, labels.length / shape[0]!, classes, where);
    labels[i] = label;
    shares[i] = classWeights?.[label] ?? 1;
  });
  const prepared = { target: { dtype: "int64" as const, shape, data: labels }, shares };
  return ignoreIndex === undefined ? prepared : { ...prepared, weights };
}

/** The same in the graph; labels out of range are the caller's error there. */
function countLabels(
  g: GraphBuilder,
  f: Value,
  y: Value,
  ignoreIndex: number | undefined,
  classWeights: readonly number[] | undefined,
): Counting {
  const counts = ignoreIndex === undefined ? undefined : g.op("Not", [g.equal(y, ignoreIndex)], {});
  const target = counts ? g.where(counts, y, 0) : y;
  const weights = counts ? g.cast(counts, f.dtype) : g.fill(1, f.dtype, y.shape);
  const table = classWeights && g.constantTensor(tensor(f.dtype, [classWeights.length], classWeights));
  return { target, weights, shares: table ? g.mul(weights, g.gather(table, target, 0)) : weights };
}

function badLabel(label: number, i: number, perRow: number, classes: number, where: string): UsageError {
  return new UsageError("Cannot use the targets as labels as one is out of range", {
    at: `${where}, row ${Math.floor(i / perRow)}${perRow > 1 ? `, position ${i % perRow}` : ""}`,
    expected: `an integer from 0 to ${classes - 1}`,
    found: label,
    try: "set ignoreIndex if this label marks positions that do not count",
  });
}

function prepareProbabilities(target: Tensor, prediction: Shape, where: string): PreparedTarget {
  if (!sameShape(target.shape, prediction)) {
    throw new MismatchError("Cannot use the targets as probabilities as their shape is not the prediction's", {
      at: where,
      expected: showShape(prediction),
      found: showShape(target.shape),
    });
  }
  requireFinite(target, where);
  return { target, shares: 1 };
}
