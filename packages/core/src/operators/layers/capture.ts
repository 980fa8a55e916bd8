/**
 * Finds the layers of a model in its graph: wherever a parameter meets data through a product, a convolution, a gather, a
 * scale or a shift.
 *
 * A parameter is followed through what only moves its entries (transposes, reshapes) to the operator that uses it. A bias
 * that is added to a weight's output belongs to that weight's layer; other vectors are layers of their own.
 */
import { UnsupportedModelError } from "../../errors.ts";
import { reachable, type Value } from "../../ir/graph.ts";
import type { Binding } from "../binding.ts";
import type { Layer, LayerUse } from "./layer.ts";
import { layoutIndex, type StoredForm } from "./layout.ts";
import { type Consumers, type FoundUse, type Site, useAt } from "./uses.ts";

/** Operators that only move entries. */
const moves = new Set<string>(["Expand", "Reshape", "Transpose"]);

/** Layers are found once a binding. */
const found = new WeakMap<Binding, Layer[]>();

/**
 * The layer of every parameter, in the order of first use.
 *
 * @throws {UnsupportedModelError} naming the parameter and the operator, if a parameter is used in a way that is no layer.
 */
export function captureLayers(binding: Binding): Layer[] {
  const layers = found.get(binding) ?? findLayers(binding);
  found.set(binding, layers);
  return layers;
}

function findLayers(binding: Binding): Layer[] {
  const consumers = consumersOf(reachable([binding.prediction]));
  const layers: Layer[] = [];
  const vectors: number[] = [];
  binding.parameters.forEach((parameter, i) => {
    const uses = usesOf(binding, parameter, consumers);
    if (uses.length === 0) return;
    if (uses.every((use) => use.kind === "vector")) vectors.push(i);
    else layers.push(matrixLayer(binding, i, uses));
  });
  const owned = new Set<number>();
  const withBiases = layers.map((layer) => attachBias(binding, layer, vectors, consumers, owned));
  const loose = vectors
    .filter((i) => !owned.has(i))
    .map((i) => vectorLayer(binding, i, usesOf(binding, binding.parameters[i]!, consumers)));
  return [...withBiases, ...loose].sort((a, b) => firstUse(a) - firstUse(b));
}

const firstUse = ({ uses }: Layer): number => Math.min(...uses.map((use) => use.tap.id));

function consumersOf(values: readonly Value[]): Consumers {
  const consumers = new Map<Value, Value[]>();
  for (const value of values) {
    for (const input of new Set(value.inputs)) consumers.set(input, [...(consumers.get(input) ?? []), value]);
  }
  return consumers;
}

/** Every use of a parameter, seen through moves. */
function usesOf(binding: Binding, parameter: Value, consumers: Consumers): FoundUse[] {
  const pending: Value[] = [parameter];
  const uses: FoundUse[] = [];
  for (let at = pending.shift(); at !== undefined; at = pending.shift()) {
    for (const consumer of consumers.get(at) ?? []) {
      if (moves.has(consumer.op)) pending.push(consumer);
      else uses.push(foundUse({ binding, parameter, stored: at, consumer, consumers }));
    }
  }
  return uses.sort((a, b) => a.tap.id - b.tap.id);
}

function foundUse(site: Site): FoundUse {
  const use = useAt(site);
  if (use) return use;
  const { parameter, consumer } = site;
  throw new UnsupportedModelError("Cannot find the layer of a parameter as it is used in no known way", {
    at: `parameter "${parameter.name}"`,
    found: consumer.origin ? `${consumer.origin.opType} "${consumer.origin.node}" (${consumer.op})` : consumer.op,
    try: "leave the parameter out of the selection, or use an operator that needs no layers (ggn, hessian)",
  });
}

function matrixLayer(binding: Binding, i: number, uses: readonly FoundUse[]): Layer {
  const parameter = binding.parameters[i]!;
  const [first] = uses as [FoundUse, ...FoundUse[]];
  const form = first.form as StoredForm;
  const index = layoutIndex(binding.g, parameter, form);
  const agree = uses.every((use) => use.form && sameIndex(index, layoutIndex(binding.g, parameter, use.form)));
  if (!agree) {
    throw new UnsupportedModelError("Cannot use a tied weight as its uses read it in different layouts", {
      at: `parameter "${parameter.name}"`,
      try: "leave the parameter out of the selection, or use an operator that needs no layers (ggn, hessian)",
    });
  }
  const { groups, out, in: width } = form;
  return {
    kind: first.kind === "table" ? "table" : "matrix",
    name: parameter.name,
    parameter: i,
    groups,
    out,
    in: width,
    index,
    uses,
  };
}

function sameIndex(a: Int32Array | null, b: Int32Array | null): boolean {
  if (a === null || b === null) return a === b;
  return a.length === b.length && a.every((x, i) => x === b[i]);
}

function vectorLayer(binding: Binding, i: number, uses: readonly FoundUse[]): Layer {
  const { name, shape } = binding.parameters[i]!;
  const out = shape.reduce((n, d) => n * d, 1);
  return { kind: "vector", name, parameter: i, groups: 1, out, in: 1, index: null, uses };
}

/** The layer with the bias that is added to its outputs, if there is exactly one and nothing else uses it. */
function attachBias(
  binding: Binding,
  layer: Layer,
  vectors: readonly number[],
  consumers: Consumers,
  owned: Set<number>,
): Layer {
  if (layer.kind !== "matrix") return layer;
  const uses = layer.uses.map((use): LayerUse => {
    const bias = biasAfter(binding, use.tap, layer, vectors, consumers);
    return bias === undefined ? use : { ...use, bias };
  });
  const added = [...new Set(uses.flatMap((use) => (use.bias === undefined ? [] : [use.bias])))];
  const [bias] = added;
  if (bias === undefined || added.length > 1 || owned.has(bias)) return layer;
  const biasUses = usesOf(binding, binding.parameters[bias]!, consumers).length;
  if (biasUses !== uses.filter((use) => use.bias !== undefined).length) return layer;
  owned.add(bias);
  return { ...layer, uses, bias };
}

/** The vector parameter that an Add right after `tap` adds, as long as the layer is wide. */
function biasAfter(
  binding: Binding,
  tap: Value,
  layer: Layer,
  vectors: readonly number[],
  consumers: Consumers,
): number | undefined {
  const followers = consumers.get(tap) ?? [];
  if (followers.length !== 1) return undefined;
  const [next] = followers;
  if (next!.op === "Reshape") return biasAfter(binding, next!, layer, vectors, consumers);
  if (next!.op !== "Add") return undefined;
  const other = next!.inputs[0] === tap ? next!.inputs[1] : next!.inputs[0];
  return vectors.find((i) => {
    const parameter = binding.parameters[i]!;
    const wide = parameter.shape.reduce((n, d) => n * d, 1) === layer.groups * layer.out;
    return wide && (other === parameter || (other!.op === "Reshape" && other!.inputs[0] === parameter));
  });
}
