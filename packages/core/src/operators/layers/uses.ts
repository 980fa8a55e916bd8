/** Recognises how an operator uses a parameter: one row an operator. */
import type { GraphBuilder } from "../../ir/builder.ts";
import type { NodeValue, Value } from "../../ir/graph.ts";
import { patches } from "../../ir/patches.ts";
import { sizeOf } from "../../ir/shape.ts";
import type { Binding } from "../binding.ts";
import type { Layer, LayerUse } from "./layer.ts";
import type { StoredForm } from "./layout.ts";
import { entriesBeforeRows } from "./rowPlaces.ts";

export interface FoundUse extends LayerUse {
  readonly kind: Layer["kind"];
  /** Of a matrix or table. */
  readonly form?: StoredForm;
}

/** `stored` is the parameter as moved, one of `consumer`'s inputs. */
export interface Site {
  readonly binding: Binding;
  readonly parameter: Value;
  readonly stored: Value;
  readonly consumer: Value;
  readonly consumers: Consumers;
}

/** Which values use a value. */
export type Consumers = ReadonlyMap<Value, readonly Value[]>;

type Recognise = (site: Site) => FoundUse | undefined;

/** The use, or undefined if the operator's use of a parameter is no layer. */
export function useAt(site: Site): FoundUse | undefined {
  const row = table[site.consumer.op as keyof typeof table] as Recognise | undefined;
  return row?.(site);
}

const table = {
  MatMul: (site: Site) => (site.consumer.inputs[1] === site.stored ? rightFactor(site) : leftFactor(site)),
  Conv: convolution,
  ConvInputGrad: transposedConvolution,
  Gather: tableRows,
  Add: shift,
  Mul: scale,
};

/** `[batch · shared, …]`, `[batch, …shared, …]` or, time first, `[shared, batch, …]` → `[batch, shared, groups 1, features]`. */
function asRows(binding: Binding, x: Value, features: number): Value | undefined {
  return rowsFirst(binding, binding.g, entriesBeforeRows(binding, x), x, features);
}

/** The same for a value whose rows lie after `before` entries. */
function rowsFirst({ rows }: Binding, g: GraphBuilder, before: number, x: Value, features: number): Value | undefined {
  const shared = sizeOf(x.shape) / features / rows;
  if (!Number.isInteger(shared / before)) return undefined;
  if (before === 1) return g.reshape(x, [rows, shared, 1, features]);
  const turned = g.transpose(g.reshape(x, [before, rows, shared / before, features]), [1, 0, 2, 3]);
  return g.reshape(turned, [rows, shared, 1, features]);
}

/** z = x W': x `[batch·shared, in]`, W' `[in, out]`. */
function rightFactor({ binding, stored, consumer }: Site): FoundUse | undefined {
  const [x] = consumer.inputs;
  if (stored.shape.length !== 2) return undefined;
  const [width, out] = stored.shape as [number, number];
  const input = asRows(binding, x!, width);
  if (!input) return undefined;
  const before = entriesBeforeRows(binding, x!);
  return {
    kind: "matrix",
    input,
    tap: consumer,
    shared: input.shape[1]!,
    gradient: (g, ct) => rowsFirst(binding, g, before, ct, out)!,
    form: { value: stored, groups: 1, out, in: width, canonical: (g, v) => g.reshape(g.transpose(v), [1, out, width]) },
  };
}

/** Z = W X for each matrix of a batch: X `[…, in, columns]`, W `[out, in]`. */
function leftFactor({ binding, stored, consumer }: Site): FoundUse | undefined {
  const x = consumer.inputs[1]!;
  if (stored.shape.length !== 2 || x.shape.length < 3) return undefined;
  const [out, width] = stored.shape as [number, number];
  const turned = binding.g.transpose(x);
  const input = asRows(binding, turned, width);
  if (!input) return undefined;
  const before = entriesBeforeRows(binding, turned);
  return {
    kind: "matrix",
    input,
    tap: consumer,
    shared: input.shape[1]!,
    gradient: (g, ct) => rowsFirst(binding, g, before, g.transpose(ct), out)!,
    form: { value: stored, groups: 1, out, in: width, canonical: (g, v) => g.reshape(v, [1, out, width]) },
  };
}

/** `[N, G·o, …positions]` → `[N, positions, G, o]` */
function positionsFirst(g: GraphBuilder, z: Value, groups: number): Value {
  const [n, channels, ...spatial] = z.shape as [number, number, ...number[]];
  return g.transpose(g.reshape(z, [n, groups, channels / groups, sizeOf(spatial)]), [0, 3, 1, 2]);
}

function convolution({ binding, stored, consumer }: Site): FoundUse | undefined {
  const { attrs, inputs, shape } = consumer as NodeValue<"Conv">;
  if (inputs[1] !== stored || shape[0] !== binding.rows) return undefined;
  const [out, channels, ...kernel] = stored.shape as [number, number, ...number[]];
  const positions = shape.slice(2);
  const { group } = attrs;
  return {
    kind: "matrix",
    input: patches(binding.g, inputs[0]!, attrs, kernel, positions),
    tap: consumer,
    shared: sizeOf(positions),
    gradient: (g, ct) => positionsFirst(g, ct, group),
    form: {
      value: stored,
      groups: group,
      out: out / group,
      in: channels * sizeOf(kernel),
      canonical: (g, v) => g.reshape(v, [group, out / group, channels * sizeOf(kernel)]),
    },
  };
}

/** The transpose of a convolution: every input position sends its channels to a patch of the output. */
function transposedConvolution({ binding, stored, consumer }: Site): FoundUse | undefined {
  const { attrs, inputs, shape } = consumer as NodeValue<"ConvInputGrad">;
  if (inputs[1] !== stored || shape[0] !== binding.rows) return undefined;
  const [into, channels, ...kernel] = stored.shape as [number, number, ...number[]];
  const positions = inputs[0]!.shape.slice(2);
  const { group, spatial: _, ...conv } = attrs;
  const out = channels * sizeOf(kernel);
  return {
    kind: "matrix",
    input: positionsFirst(binding.g, inputs[0]!, group),
    tap: consumer,
    shared: sizeOf(positions),
    gradient: (g, ct) => patches(g, ct, { ...conv, group }, kernel, positions),
    form: {
      value: stored,
      groups: group,
      out,
      in: into / group,
      canonical: (g, v) => g.transpose(g.reshape(v, [group, into / group, out]), [0, 2, 1]),
    },
  };
}

/** Rows of a table `[vocabulary, width]`: a product with one-hot inputs. */
function tableRows(site: Site): FoundUse | undefined {
  const { binding, stored, consumer } = site;
  const { attrs, inputs } = consumer as NodeValue<"Gather">;
  if (inputs[0] !== stored || attrs.axis !== 0 || stored.shape.length !== 2) return undefined;
  const { g, rows } = binding;
  const index = inputs[1]!;
  const before = entriesBeforeRows(binding, index);
  const byRow = dependsOnData(index) && (before > 1 || index.shape[0] === rows);
  const tap = byRow ? consumer : broadcastAfter(site);
  if (!tap) return undefined;
  const [vocabulary, out] = stored.shape as [number, number];
  const positions = tap.shape.slice(0, -1);
  const shared = sizeOf(positions) / rows;
  const ordered = rowsFirst(binding, g, before, g.expand(index, byRow ? index.shape : positions), 1);
  if (!ordered) return undefined;
  return {
    kind: "table",
    index: g.reshape(ordered, [rows, shared]),
    tap,
    shared,
    gradient: (b, ct) => rowsFirst(binding, b, before, ct, out)!,
    form: {
      value: stored,
      groups: 1,
      out,
      in: vocabulary,
      canonical: (b, v) => b.reshape(b.transpose(v), [1, out, vocabulary]),
    },
  };
}

/** Where rows that are the same for the whole batch (positions) are added to what differs. */
function broadcastAfter({ binding, consumer, consumers }: Site): Value | undefined {
  let at = consumer;
  for (;;) {
    const [next, ...others] = consumers.get(at) ?? [];
    if (!next || others.length > 0) return undefined;
    const batchFirst = next.shape[0] === binding.rows && entriesBeforeRows(binding, next) === 1;
    if (next.op === "Add" && batchFirst && next.shape.at(-1) === consumer.shape.at(-1)) return next;
    if (next.op !== "Reshape" && next.op !== "Expand") return undefined;
    at = next;
  }
}

function dependsOnData(value: Value): boolean {
  return value.op === "Input" || value.inputs.some(dependsOnData);
}

/** z = x + b: the cotangent itself, b's axis last. */
function shift({ binding, parameter, stored, consumer }: Site): FoundUse | undefined {
  return vectorUse(binding, parameter, stored, consumer, (_, ct) => ct);
}

/** z = x ⊙ γ: the cotangent times x. */
function scale({ binding, parameter, stored, consumer }: Site): FoundUse | undefined {
  const other = consumer.inputs[0] === stored ? consumer.inputs[1]! : consumer.inputs[0]!;
  if (other === stored) return undefined;
  return vectorUse(binding, parameter, stored, consumer, (g, ct) => g.mul(ct, other));
}

/** More entries over several axes are a table laid over activations, whose Gram matrix would not fit anywhere. */
const mostOfSeveralAxes = 2 ** 13;

function vectorUse(
  binding: Binding,
  parameter: Value,
  stored: Value,
  consumer: Value,
  local: (g: GraphBuilder, ct: Value) => Value,
): FoundUse | undefined {
  const out = sizeOf(parameter.shape);
  const { shape } = consumer;
  const long = stored.shape.flatMap((d, i) => (d === 1 ? [] : [i + shape.length - stored.shape.length]));
  if (long.length > 1 && !(out <= mostOfSeveralAxes && isReshaped(parameter, stored))) return undefined;
  const own = long.length === 0 ? [shape.length - 1] : long;
  const others = shape.flatMap((_, i) => (own.includes(i) ? [] : [i]));
  const all = entriesBeforeRows(binding, consumer);
  const passed = out === 1 ? [] : own.filter((axis) => sizeOf(shape.slice(0, axis + 1)) <= all);
  const before = passed.reduce((n, axis) => n / shape[axis]!, all); // once its own axes are last
  const shared = sizeOf(shape) / out / binding.rows;
  if (!Number.isInteger(shared / before)) return undefined;
  return {
    kind: "vector",
    tap: consumer,
    shared,
    gradient: (g, ct) => {
      const last = out === 1 ? local(g, ct) : g.transpose(local(g, ct), [...others, ...own]);
      return rowsFirst(binding, g, before, last, out)!;
    },
  };
}

/** True if the entries are in the parameter's order: its bias over heads, `[heads, width]`. */
function isReshaped(parameter: Value, stored: Value): boolean {
  return stored === parameter || (stored.op === "Reshape" && isReshaped(parameter, stored.inputs[0]!));
}
