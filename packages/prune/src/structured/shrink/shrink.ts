/**
 * A model's file without some of its channels: tensors of smaller shapes, and what counts channels rewritten.
 *
 * The result computes what the dense model does when each of those channels counts as zero wherever it is summed over.
 */
import { editModel, type ModelEdit, type NewTensor, type NodeEdit, type OnnxNode, type Tensor } from "@hessonite/core";
import { capturedBy } from "../groups/capturedBy.ts";
import type { ChannelGraph } from "../groups/channelGroups.ts";
import type { Propagation } from "../groups/propagate.ts";
import { type Kept, keptAfter } from "./kept.ts";
import { nameSource } from "./names.ts";
import type { RewriteContext } from "./rewriteContext.ts";
import { rewriteOf } from "./rewrites.ts";
import { sliceTensor } from "./sliceTensor.ts";
import { withoutDead } from "./withoutDead.ts";

export interface ShrinkRequest {
  readonly graph: ChannelGraph;
  /** Numbers of channels, as their groups have them. */
  readonly removed: ReadonlySet<number>;
  /** Other values for stored tensors, of the shapes that they have in the file: compensated weights. */
  readonly values?: ReadonlyMap<string, Tensor>;
  /** Of RMSNorms' nodes: Σ x² over Σ_kept x² of what enters, 1 unless said, by which channels that are gone are zero. */
  readonly energies?: ReadonlyMap<OnnxNode, number>;
  readonly metadata?: Readonly<Record<string, string>>;
}

/**
 * @param file The bytes that `graph` was read from.
 *
 * @example
 * ```ts no-run
 * const { bytes, model } = await readModelFile("a.onnx");
 * const graph = channelGroups(model, { x: [1, 3, 32, 32] });
 * const smaller = shrinkModel(bytes, { graph, removed: new Set(graph.groups[0]!.channels.slice(1)) });
 * ```
 */
export function shrinkModel(file: Uint8Array, request: ShrinkRequest): Uint8Array {
  return editModel(file, shrinkEdit(request));
}

export function shrinkEdit({ graph, removed, values = new Map(), energies, metadata }: ShrinkRequest): ModelEdit {
  const { propagation, model } = graph;
  const kept = keptAfter(propagation.atoms.find, removed);
  const names = nameSource(model);
  const tensors = new Map<string, NewTensor | null>();
  const inputs = storedInputs(graph, kept, { fresh: names.fresh, tensors, values });
  const nodes = new Map<string, NodeEdit | null>();
  for (const node of propagation.nodes) {
    if (node.opType === "Constant" && tensors.has(keyOf(node))) nodes.set(keyOf(node), null); // now an initializer
    const edit = nodeEdit(node, graph, kept, {
      tensors,
      values,
      energy: energies?.get(node) ?? 1,
      inputs: inputs.get(node) ?? new Map(),
      fresh: names.fresh,
    });
    if (edit) nodes.set(keyOf(node), edit);
  }
  const shapes = new Map(
    [...propagation.axes]
      .filter(([, axes]) => kept.changes(axes))
      .map(([name, axes]) => [
        name,
        (propagation.known.values.get(name)?.shape ?? []).map((length, i) => kept.length(axes[i] ?? null, length)),
      ]),
  );
  return withoutDead(model, { initializers: tensors, nodes, shapes, irVersion: 4, ...(metadata ? { metadata } : {}) });
}

/** What `ModelEdit.nodes` knows a node by. */
export function keyOf({ outputs }: OnnxNode): string {
  return outputs.find((name) => name !== "") ?? "";
}

/**
 * Stores what is left of each stored tensor, and says by which name each use takes it. Uses that keep the same share one
 * tensor, which has the old name where it is the first.
 */
function storedInputs(
  { model, propagation: { uses, stored, nodes } }: ChannelGraph,
  kept: Kept,
  {
    fresh,
    tensors,
    values,
  }: {
    readonly fresh: (hint: string) => string;
    readonly tensors: Map<string, NewTensor | null>;
    readonly values: ReadonlyMap<string, Tensor>;
  },
): Map<OnnxNode, Map<number, string>> {
  const renamed = new Map<OnnxNode, Map<number, string>>();
  const variants = new Map<string, Map<string, string>>();
  const whole = usedWhole(nodes, uses);
  const ordered = [...uses].sort((a, b) => Number(kept.changes(a.axes)) - Number(kept.changes(b.axes)));
  for (const { node, position, name, axes } of ordered) {
    const indices = axes.map(kept.indices);
    const changes = kept.changes(axes);
    const key = changes ? JSON.stringify(indices) : "";
    const own = variants.get(name) ?? new Map<string, string>(whole.has(name) ? [["", name]] : []);
    variants.set(name, own);
    let now = own.get(key);
    if (now === undefined) {
      now = own.size === 0 ? name : fresh(name);
      own.set(key, now);
      const value = values.get(name);
      const dtype = model.initializers.get(name)?.dtype;
      const left = changes || value ? sliceTensor(value ?? stored(name)!, indices) : undefined;
      if (left) tensors.set(now, { ...left, dtype: dtype ?? left.dtype });
    }
    if (now !== name) renamed.set(node, (renamed.get(node) ?? new Map<number, string>()).set(position, now));
  }
  return renamed;
}

/** Names of stored tensors that something takes whole: as a shape or an index, or inside another graph. */
function usedWhole(nodes: readonly OnnxNode[], uses: Propagation["uses"]): ReadonlySet<string> {
  const followed = new Map<OnnxNode, Set<number>>();
  for (const { node, position } of uses) followed.set(node, (followed.get(node) ?? new Set<number>()).add(position));
  return new Set(
    nodes.flatMap((node) => [
      ...node.inputs.filter((name, i) => name !== "" && !followed.get(node)?.has(i)),
      ...capturedBy(node),
    ]),
  );
}

interface Storing {
  readonly tensors: Map<string, NewTensor | null>;
  readonly values: ReadonlyMap<string, Tensor>;
  readonly energy: number;
  /** Other names by input position. */
  readonly inputs: Map<number, string>;
  fresh(hint: string): string;
}

function nodeEdit(node: OnnxNode, graph: ChannelGraph, kept: Kept, storing: Storing): NodeEdit | undefined {
  const own = new Map(storing.inputs);
  const change = rewriteOf(node)?.(rewriteContext(node, graph, kept, { ...storing, inputs: own }));
  if (own.size === 0 && change === undefined) return undefined;
  const length = Math.max(node.inputs.length, ...[...own.keys()].map((i) => i + 1));
  const inputs = Array.from({ length }, (_, i) => own.get(i) ?? node.inputs[i] ?? "");
  return { inputs, ...change };
}

function rewriteContext(
  node: OnnxNode,
  { model, propagation }: ChannelGraph,
  kept: Kept,
  { tensors, values, energy, inputs, fresh }: Storing,
): RewriteContext {
  const { known, axes, uses } = propagation;
  const own = new Map(uses.filter((use) => use.node === node).map(({ position, axes: a }) => [position, a]));
  const attr = (name: string, kind: string): unknown => {
    const found = node.attrs[name];
    return found?.kind === kind ? (found as { readonly value: unknown }).value : undefined;
  };
  const store = (hint: string, value: Tensor): string => {
    const name = fresh(hint);
    tensors.set(name, value);
    return name;
  };
  return {
    node,
    model,
    kept,
    opset: model.opsets.get(node.domain) ?? 1,
    fixed: model.inputs.every(({ shape }) => shape?.every((d) => typeof d === "number")),
    has: (i) => Boolean(node.inputs[i]),
    shape: (i) => known.values.get(node.inputs[i] ?? "")?.shape ?? [],
    outShape: (i) => known.values.get(node.outputs[i] ?? "")?.shape ?? [],
    numbers(i) {
      const name = node.inputs[i] ?? "";
      const tensor = propagation.stored(name);
      return tensor ? Array.from(tensor.data) : known.values.get(name)?.numbers;
    },
    stored: (i) => propagation.stored(node.inputs[i] ?? "") !== undefined,
    axes: (i) => own.get(i) ?? axes.get(node.inputs[i] ?? "") ?? [],
    outAxes: (i) => axes.get(node.outputs[i] ?? "") ?? [],
    value(i) {
      const name = node.inputs[i] ?? "";
      return sliceTensor(values.get(name) ?? propagation.stored(name)!, (own.get(i) ?? []).map(kept.indices));
    },
    energy,
    float: (name, otherwise) => (attr(name, "float") as number | undefined) ?? otherwise,
    int: (name, otherwise) => (attr(name, "int") as number | undefined) ?? otherwise,
    ints: (name) => attr(name, "ints") as readonly number[] | undefined,
    string: (name, otherwise) => (attr(name, "string") as string | undefined) ?? otherwise,
    setInput(i, value) {
      inputs.set(i, store(`${node.outputs[0]}_${i}`, value));
    },
    nameInput(i, name) {
      inputs.set(i, name);
    },
    freshName: fresh,
    store,
  };
}
