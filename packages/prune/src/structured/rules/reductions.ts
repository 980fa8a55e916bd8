/** Operators along an axis, on which the number of channels or their places bear: what is along it has to stay. */
import type { Axes, Axis } from "../groups/atoms.ts";
import type { Rule, RuleContext } from "../groups/ruleContext.ts";
import { tieAll } from "./elementwise.ts";

const positive = (axis: number, rank: number): number => (axis < 0 ? axis + rank : axis);

/** Locks the axes that a node works along; the others pass. */
function along(c: RuleContext, axes: readonly number[], why: string): Axes {
  const x = c.axes(0);
  for (const axis of axes) c.lock(x[axis] ?? null, `${why} ${c.node.opType} "${c.node.name}"`);
  return x.map((channels, i) => (axes.includes(i) ? null : channels));
}

/** Axes as an attribute, or as input 1 in newer opsets; all, or none, where neither is given. */
function reducedAxes(c: RuleContext): number[] {
  const rank = c.shape(0).length;
  const given = c.ints("axes") ?? (c.has(1) ? (c.numbers(1) ?? everyAxis(rank)) : []);
  if (given.length > 0) return given.map((axis) => positive(axis, rank));
  return c.int("noop_with_empty_axes", 0) ? [] : everyAxis(rank);
}

const everyAxis = (rank: number): number[] => Array.from({ length: rank }, (_, i) => i);

const reduce: Rule = (c) => {
  const axes = reducedAxes(c);
  const kept = along(c, axes, "is summed up by");
  return [c.int("keepdims", 1) ? kept : kept.filter((_, i) => !axes.includes(i))];
};

/** The mean square of an RMSNorm: a channel that goes counts as zero in it, once its length is made up for (shrink/norms.ts). */
const mean: Rule = (c) => {
  const axes = reducedAxes(c);
  const [axis] = axes;
  if (axes.length !== 1 || axis !== c.shape(0).length - 1 || !isSquare(c)) return reduce(c);
  const kept = c.axes(0).map((channels, i) => (i === axis ? null : channels));
  return [c.int("keepdims", 1) ? kept : kept.slice(0, -1)];
};

/** x² as Pow or as x · x. */
function isSquare(c: RuleContext): boolean {
  const maker = c.maker(0);
  if (maker?.domain !== "") return false;
  if (maker.opType === "Mul") return maker.inputs[0] === maker.inputs[1];
  return maker.opType === "Pow" && c.numbersOf(maker.inputs[1] ?? "")?.join() === "2";
}

const argument: Rule = (c) => {
  const axis = positive(c.int("axis", 0), c.shape(0).length);
  const kept = along(c, [axis], "is searched by");
  return [c.int("keepdims", 1) ? kept : kept.filter((_, i) => i !== axis)];
};

/** Before opset 13 everything from `axis` on is one axis. */
const softmax: Rule = (c) => {
  const rank = c.shape(0).length;
  const axis = positive(c.int("axis", c.opset >= 13 ? -1 : 1), rank);
  return [along(c, c.opset >= 13 ? [axis] : everyAxis(rank).slice(axis), "is normalised by")];
};

const cumulative: Rule = (c) => {
  const [axis = 0] = c.numbers(1) ?? [];
  return [along(c, [positive(axis, c.shape(0).length)], "is summed along by")];
};

const topK: Rule = (c) => {
  const axis = positive(c.int("axis", -1), c.shape(0).length);
  const kept = along(c, [axis], "is sorted by");
  return [kept, kept];
};

/** Scale and bias have the normalised axes. */
const layerNormalization: Rule = (c) => {
  const rank = c.shape(0).length;
  const axes = everyAxis(rank).slice(positive(c.int("axis", -1), rank));
  const kept = along(c, axes, "is normalised by");
  for (const i of [1, 2]) if (c.has(i)) c.lockInput(i, "scales what is normalised");
  return [kept, kept, kept];
};

/** One operator for x / √(mean x² + ε) · scale: along the last axis alone channels may go. */
const rmsNormalization: Rule = (c) => {
  const rank = c.shape(0).length;
  const given = c.int("axis", -1);
  if (positive(given, rank) !== rank - 1 || c.node.outputs[1]) return layerNormalization(c);
  const x = c.axes(0);
  return [x.map((channels, axis) => (axis === rank - 1 ? tieAll(c, [channels, c.axes(1)[0] ?? null]) : channels))];
};

/** In training mode, as weights are standardised by it, its statistics are those of all other axes. */
const batchNormalization: Rule = (c) => {
  const others = everyAxis(c.shape(0).length).filter((axis) => axis !== 1);
  const x = c.int("training_mode", 0) ? along(c, others, "is normalised by") : c.axes(0);
  const own = [1, 2, 3, 4].map((i) => c.axes(i)[0] ?? null);
  return [x.map((channels, axis) => (axis === 1 ? tieAll(c, [channels, ...own]) : channels))];
};

/** Statistics of each channel over its positions, which have to stay. Behind a reshape it is a GroupNorm in two operators. */
const instanceNormalization: Rule = (c) => {
  const x = c.axes(0);
  const own = [1, 2].map((i) => c.axes(i)[0] ?? null);
  const maker = c.maker(0);
  const regrouped = maker?.opType === "Reshape" && c.makerShape(0)[1] !== c.shape(0)[1];
  const from = regrouped ? 1 : 2;
  const why = regrouped ? "is part of a group normalised by" : "is normalised by";
  const kept = along(c, everyAxis(x.length).slice(from), why);
  return [kept.map((channels, axis) => (axis === 1 ? tieAll(c, [channels, ...own]) : channels))];
};

const groupNormalization: Rule = (c) => {
  for (const i of [1, 2]) c.lockInput(i, "scales what is normalised");
  return [along(c, everyAxis(c.shape(0).length).slice(1), "is part of a group normalised by")];
};

/** Windows over positions; channels pass. */
const windows: Rule = (c) => {
  const kept = along(c, everyAxis(c.shape(0).length).slice(2), "is a position of");
  return c.node.outputs.map(() => kept);
};

/** Normalises along axes that an attribute names. */
const normalised =
  (otherwise: (c: RuleContext) => readonly number[]): Rule =>
  (c) => {
    const rank = c.shape(0).length;
    return [
      along(
        c,
        (c.ints("axes") ?? otherwise(c)).map((axis) => positive(axis, rank)),
        "is normalised by",
      ),
    ];
  };

/** (x, state) step by step: only the features that come in may go; the state has its own size. */
const recurrence: Rule = (c) => {
  const [x, w] = [c.axes(0), c.axes(1)];
  for (let i = 2; i < c.arity; i++) if (c.has(i)) c.lockInput(i, `is the state of ${c.node.opType} "${c.node.name}"`);
  c.lock(w[1] ?? null, `is the state of ${c.node.opType} "${c.node.name}"`);
  c.lock(x[0] ?? null, "is a step of a recurrence");
  const read: Axis = c.tie(x[2] ?? null, w[2] ?? null);
  if (read) c.reads(1, 2, w[2]!);
  return [];
};

const names = ["L1", "L2", "LogSum", "LogSumExp", "Max", "Mean", "Min", "Prod", "Sum", "SumSquare"];

export const reductions: Readonly<Record<string, Rule>> = {
  ...Object.fromEntries(names.map((name) => [`Reduce${name}`, reduce])),
  ReduceMean: mean,
  ArgMax: argument,
  ArgMin: argument,
  AveragePool: windows,
  BatchNormalization: batchNormalization,
  CumSum: cumulative,
  GRU: recurrence,
  GlobalAveragePool: windows,
  GlobalLpPool: windows,
  GlobalMaxPool: windows,
  GroupNormalization: groupNormalization,
  Hardmax: softmax,
  InstanceNormalization: instanceNormalization,
  LRN: normalised(() => [1]),
  LSTM: recurrence,
  LayerNormalization: layerNormalization,
  LogSoftmax: softmax,
  LpNormalization: normalised((c) => [c.int("axis", -1)]),
  LpPool: windows,
  MaxPool: windows,
  MeanVarianceNormalization: normalised(() => [0, 2, 3]),
  RMSNormalization: rmsNormalization,
  RNN: recurrence,
  SimplifiedLayerNormalization: rmsNormalization,
  Softmax: softmax,
  TopK: topK,
};
