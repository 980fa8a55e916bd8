/**
 * What is asked of a query instead of its loss, as a loss of its own: scores are then changes of it.
 *
 *     logit        − f_y                                  margin    − (f_y − log Σ_{c≠y} exp f_c)
 *     prediction   Σ_c f_c
 *
 * Logit and margin are taken with a minus sign, so that a positive score still means a helpful row. For binary cross-entropy
 * both are −(2y − 1) f, summed over a term's entries.
 *
 * Source of the margin: Park et al. (2023), TRAK, arXiv:2303.14186, section 3.1.
 */
import {
  customLoss,
  type GraphBuilder,
  type Loss,
  type LossSpec,
  openLoss,
  readModel,
  UsageError,
  type Value,
} from "@hessonite/core";

export const measurements = ["logit", "margin", "prediction"] as const;
export type Measurement = (typeof measurements)[number];

/** A measurement's name, an ONNX graph `(prediction, target) → terms` in a file, or a loss. */
export type MeasurementSpec = Measurement | { readonly graph: string } | LossSpec;

const isName = (spec: MeasurementSpec): spec is Measurement => (measurements as readonly unknown[]).includes(spec);

/**
 * The measurement as a loss.
 *
 * @param loss What the model was trained on: it says how targets are read.
 * @throws {UsageError} if the loss has no classes that a logit or margin could be of.
 */
export async function measurementOf(spec: MeasurementSpec, loss: LossSpec): Promise<Loss> {
  if (isName(spec)) return named(spec, openLoss(loss));
  if (typeof spec === "object" && "graph" in spec) return customLoss(await readModel(spec.graph), { reduction: "sum" });
  return openLoss(spec);
}

type Terms = Loss["terms"];

function named(name: Measurement, loss: Loss): Loss {
  const { likelihood: _, ...form } = loss;
  return { ...form, name: `${name} (${loss.name})`, convex: false, terms: termsOf(name, loss) };
}

function termsOf(name: Measurement, loss: Loss): Terms {
  if (name === "prediction") return (g, f) => sumClasses(g, f, loss.classAxis(f.shape));
  if (loss.name === "bce-with-logits") {
    return (g, f, y) => sumClasses(g, g.mul(g.sub(1, g.mul(2, y)), f), loss.classAxis(f.shape));
  }
  if (loss.name === "cross-entropy") return (g, f, y) => (name === "logit" ? logit(g, f, y) : margin(g, f, y));
  throw new UsageError(`Cannot measure the ${name} as the loss has no classes`, {
    found: loss.name,
    try: "measurement prediction, or an ONNX graph",
  });
}

function sumClasses(g: GraphBuilder, x: Value, axis: number | null): Value {
  return axis === null ? x : g.sum(x, [axis]);
}

/** 1 at the label. `[batch, classes, …]`; labels that do not count match no class. */
function atLabel(g: GraphBuilder, f: Value, y: Value): Value {
  const classes = f.shape[1]!;
  if (y.shape.length === f.shape.length) {
    throw new UsageError("Cannot measure logit or margin as the targets are probabilities", {
      try: "labels as targets",
    });
  }
  const shape = [1, classes, ...f.shape.slice(2).map(() => 1)];
  const numbers = g.constantTensor({
    dtype: "int64",
    shape,
    data: Float64Array.from({ length: classes }, (_, c) => c),
  });
  return g.equal(g.unsqueeze(y, 1), numbers);
}

function logit(g: GraphBuilder, f: Value, y: Value): Value {
  return g.neg(g.sum(g.where(atLabel(g, f, y), f, 0), [1]));
}

/** Low enough that its exponential is 0, and finite. */
const lowest = -1e30;

/** log Σ_{c≠y} exp f_c = f_c − logsoftmax_c for each c ≠ y, without the label's logit: their mean. */
function margin(g: GraphBuilder, f: Value, y: Value): Value {
  const label = atLabel(g, f, y);
  const others = g.where(label, lowest, f);
  const each = g.sub(f, g.op("LogSoftmax", [others], { axis: 1 }));
  const total = g.sum(g.where(label, 0, each), [1]);
  return g.add(g.div(total, f.shape[1]! - 1), logit(g, f, y));
}
