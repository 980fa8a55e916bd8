/**
 * The linear models of ai.onnx.ml. Their coefficients and intercepts arrive as inputs 1 and 2: `linearModels.ts` has made
 * initializers of the attributes, so that they can be parameters.
 */
import type { Value } from "../../ir/graph.ts";
import type { Lowering, LoweringContext } from "./context.ts";

/** Scores to what the node gives out. */
const transforms: Readonly<Record<string, (c: LoweringContext, scores: Value) => Value>> = {
  NONE: (_, s) => s,
  LOGISTIC: (c, s) => c.g.unary("Sigmoid", s),
  SOFTMAX: (c, s) => c.g.op("Softmax", [s], { axis: 1 }),
};

function transformed(c: LoweringContext, scores: Value): Value {
  const name = c.string("post_transform", "NONE");
  const transform = transforms[name];
  if (!transform)
    throw c.refuse("its post_transform is not supported", {
      found: name,
      expected: Object.keys(transforms).join(", "),
    });
  return transform(c, scores);
}

/** `[N, F]` of floats, whatever the input was. */
function features(c: LoweringContext): Value {
  const x = c.need(0);
  const float = x.dtype === "float64" ? x : c.g.cast(x, "float32");
  return x.shape.length === 1 ? c.g.reshape(float, [1, x.shape[0]!]) : float;
}

/** X Wᵀ + b */
function linear(c: LoweringContext): Value {
  const { g } = c;
  const x = g.cast(features(c), "float32");
  const product = g.matmul(x, g.transpose(c.need(1)));
  return c.input(2) ? g.add(product, c.need(2)) : product;
}

/** Label and scores. One row of coefficients for two classes scores the second. */
const classifier: Lowering = (c) => {
  const { g } = c;
  const scores = linear(c);
  const labels = c.intList("classlabels_ints");
  const classes = labels?.length ?? c.stringList("classlabels_strings")?.length ?? scores.shape[1]!;
  const binary = scores.shape[1] === 1 && classes === 2;
  const both = binary ? secondClass(c, scores) : transformed(c, scores);
  const winner = binary
    ? g.cast(g.reshape(g.greater(scores, 0), [scores.shape[0]!]), "int64")
    : g.op("ArgMax", [scores], { axis: 1, keepdims: false, selectLast: false });
  return [labels ? g.gather(g.ints(labels), winner, 0) : winner, both];
};

/** `[1 − p, p]` of a logistic score, `[1 − s, s]` of a plain one, as ONNX Runtime. */
function secondClass(c: LoweringContext, score: Value): Value {
  const { g } = c;
  const plain = c.string("post_transform", "NONE") === "NONE";
  return plain ? g.concat([g.sub(1, score), score], 1) : transformed(c, g.concat([g.neg(score), score], 1));
}

/** Each row divided by its largest entry, or by its 1- or 2-norm. */
const normalizer: Lowering = (c) => {
  const { g } = c;
  const x = features(c);
  const kind = c.string("norm", "MAX");
  const norms: Readonly<Record<string, () => Value>> = {
    MAX: () => g.op("ReduceMax", [x], { axes: [1], keepdims: true }),
    L1: () => g.sum(g.unary("Abs", x), [1], true),
    L2: () => g.unary("Sqrt", g.sum(g.square(x), [1], true)),
  };
  const norm = norms[kind];
  if (!norm) throw c.refuse("its norm is not known", { found: kind });
  return g.div(x, norm());
};

/** (x − offset) · scale, a number a feature or one for all. */
const scaler: Lowering = (c) => {
  const { g } = c;
  const x = features(c);
  const list = (name: string): Value | undefined => {
    const values = c.floatList(name);
    return values?.length
      ? g.constantTensor({ dtype: x.dtype, shape: [values.length], data: Float64Array.from(values) })
      : undefined;
  };
  const [offset, scale] = [list("offset"), list("scale")];
  const centred = offset ? g.sub(x, offset) : x;
  return scale ? g.mul(centred, scale) : centred;
};

export const classical: Readonly<Record<string, Lowering>> = {
  "ai.onnx.ml:LinearClassifier": classifier,
  "ai.onnx.ml:LinearRegressor": (c) => transformed(c, linear(c)),
  "ai.onnx.ml:Normalizer": normalizer,
  "ai.onnx.ml:Scaler": scaler,
  // Names for the columns: the columns stay.
  "ai.onnx.ml:ZipMap": (c) => c.need(0),
};
