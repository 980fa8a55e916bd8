/**
 * Follows the channels of a model through its graph.
 *
 * Every index of every axis of a stored tensor is an atom; the rules (rules/index.ts) join those which operators pair, from
 * the first node to the last. Other values have no atoms of their own: their axes are those of the tensors that made them.
 */
import type { OnnxModel, OnnxNode, Tensor } from "@hessonite/core";
import { ruleOf, unknownRule } from "../rules/index.ts";
import { type Atoms, type Axes, type Axis, makeAtoms } from "./atoms.ts";
import type { LayerSide, RuleContext, SplitAnswer, SplitQuestion } from "./ruleContext.ts";
import { type StoredTensor, storedTensors } from "./storedTensors.ts";
import type { KnownValues } from "./values.ts";

/** Where a stored tensor enters a node. */
export interface StoredUse {
  readonly node: OnnxNode;
  readonly position: number;
  /** Name of the initializer, or of the output of the Constant that holds it. */
  readonly name: string;
  readonly axes: Axes;
}

export interface Propagation {
  readonly atoms: Atoms;
  readonly nodes: readonly OnnxNode[];
  readonly known: KnownValues;
  /** Of every value that a node gives. */
  readonly axes: ReadonlyMap<string, Axes>;
  readonly uses: readonly StoredUse[];
  readonly makers: readonly LayerSide[];
  readonly readers: readonly LayerSide[];
  /** Atoms along which two activations are multiplied matrix by matrix. */
  readonly headAtoms: readonly number[];
  /** Splits that were left open, with atoms for each of their parts. */
  readonly open: readonly OpenSplit[];
  /** Contents of a stored tensor, by its name. */
  stored(name: string): Tensor | undefined;
  /** Its element type in the file. */
  storedDtype(name: string): Tensor["dtype"] | undefined;
}

export interface OpenSplit {
  readonly key: string;
  readonly parts: readonly Int32Array[];
}

/** Which part of a split axis carries the channels, by `splitKey`. */
export type SplitChoices = ReadonlyMap<string, SplitAnswer>;

export function splitKey({ node, axis }: SplitQuestion): string {
  return `${node.outputs[0]} ${axis}`;
}

/** @param choices Without them splits are left open, to be decided by what their parts meet. */
export function propagate(model: OnnxModel, known: KnownValues, choices?: SplitChoices): Propagation {
  const atoms = makeAtoms();
  const tensors = storedTensors(model, known.nodes);
  const axes = new Map<string, Axes>();
  const uses: StoredUse[] = [];
  const makers: LayerSide[] = [];
  const readers: LayerSide[] = [];
  const headAtoms: number[] = [];
  const madeBy = new Map(known.nodes.flatMap((node) => node.outputs.map((name) => [name, node] as const)));
  const tied = new Map<string, Axes>();
  /** Values that follow from stored tensors alone. */
  const derived = new Set<string>();
  const open: OpenSplit[] = [];
  const lock = (axis: Axis, reason: string): void => axis?.forEach((atom) => void atoms.lock(atom, reason));
  const shapeOf = (name: string): readonly number[] => known.values.get(name)?.shape ?? [];
  const tie = (a: Axis, b: Axis, node: OnnxNode): Axis => {
    if (a === b) return a;
    if (a && b && a.length === b.length) {
      for (let i = 0; i < a.length; i++) atoms.join(a[i]!, b[i]!);
      return a;
    }
    lock(a ?? b, `meets an axis that has to stay in ${describe(node)}`);
    return a ?? b;
  };
  const numbersOf = (name: string): readonly number[] | undefined => {
    const tensor = tensors.get(name);
    return tensor ? Array.from(tensor.read().data) : known.values.get(name)?.numbers;
  };
  const along = (side: LayerSide[], node: OnnxNode) => (weight: number, weightAxis: number, channels: Axis) => {
    if (channels) side.push({ node, weight, weightAxis, channels });
  };

  const contextOf = (node: OnnxNode): RuleContext => {
    const own = new Map<number, Axes>();
    const axesOf = (i: number): Axes => {
      const name = node.inputs[i];
      if (!name) return [];
      const inner = axes.get(name);
      if (inner) return inner;
      const before = own.get(i);
      if (before) return before;
      const tensor = tensors.get(name);
      const made = tied.get(name) ?? shapeOf(name).map((length) => (tensor && length > 1 ? atoms.fresh(length) : null));
      own.set(i, made);
      if (tensor && isTied(tensor, made)) tied.set(name, made);
      if (tensors.has(name)) uses.push({ node, position: i, name, axes: made });
      return made;
    };
    const attr = (name: string, kind: string): unknown => {
      const found = node.attrs[name];
      return found?.kind === kind ? (found as { readonly value: unknown }).value : undefined;
    };
    return {
      node,
      opset: model.opsets.get(node.domain) ?? 1,
      arity: node.inputs.length,
      has: (i) => Boolean(node.inputs[i]),
      shape: (i) => shapeOf(node.inputs[i] ?? ""),
      outShape: (i) => known.values.get(node.outputs[i] ?? "")?.shape,
      numbers: (i) => numbersOf(node.inputs[i] ?? ""),
      numbersOf,
      int: (name, otherwise) => (attr(name, "int") as number | undefined) ?? otherwise,
      ints: (name) => attr(name, "ints") as readonly number[] | undefined,
      string: (name, otherwise) => (attr(name, "string") as string | undefined) ?? otherwise,
      parameter: (i) => tensors.has(node.inputs[i] ?? "") || derived.has(node.inputs[i] ?? ""),
      stored: (i) => tensors.has(node.inputs[i] ?? "") && !axes.has(node.inputs[i]!),
      axes: axesOf,
      tie: (a, b) => tie(a, b, node),
      lock,
      lockInput: (i, reason) => axesOf(i).forEach((axis) => void lock(axis, reason)),
      makes: along(makers, node),
      reads: along(readers, node),
      heads: (axis) => axis?.forEach((atom) => void headAtoms.push(atom)),
      areHeads(axis) {
        const known = new Set(headAtoms.map(atoms.find));
        return axis?.some((atom) => known.has(atoms.find(atom))) ?? false;
      },
      exploring: choices === undefined,
      maker: (i) => madeBy.get(node.inputs[i] ?? ""),
      makerShape: (i) => shapeOf(madeBy.get(node.inputs[i] ?? "")?.inputs[0] ?? ""),
      partOf(question, offer) {
        const key = splitKey(question);
        if (choices) return choices.get(key) ?? `is split by ${describe(node)}`;
        open.push({ key, parts: offer() });
        return "explore";
      },
      find: atoms.find,
      fresh: atoms.fresh,
    };
  };

  for (const node of known.nodes) {
    if (tensors.has(node.outputs[0] ?? "")) continue; // a Constant: its uses have the atoms
    // What a Loop gives has a shape that is not known beforehand.
    const blind = node.inputs.some((name) => name !== "" && !known.values.has(name));
    const found = (blind ? unknownRule : ruleOf(node))(contextOf(node));
    const inputs = node.inputs.filter((name) => name !== "");
    if (inputs.length > 0 && inputs.every((name) => tensors.has(name) || derived.has(name)))
      node.outputs.forEach((name) => void derived.add(name));
    node.outputs.forEach((name, i) => {
      if (name !== "") axes.set(name, found[i] ?? shapeOf(name).map(() => null));
    });
    lockCaptured(node, (name) => axes.get(name) ?? [], lock);
  }
  for (const { name } of model.outputs)
    (axes.get(name) ?? []).forEach((axis) => void lock(axis, `is in the output "${name}"`));
  return {
    atoms,
    nodes: known.nodes,
    known,
    axes,
    uses,
    makers,
    readers,
    headAtoms,
    open,
    stored: (name) => tensors.get(name)?.read(),
    storedDtype: (name) => tensors.get(name)?.dtype,
  };
}

/**
 * True for a matrix of more than one value: used twice it is one parameter twice, and shrinks as one. Exporters also store
 * once what is only equal by chance, as vectors of zeros or ones: their uses are apart.
 */
function isTied(tensor: StoredTensor, axes: Axes): boolean {
  if (axes.filter(Boolean).length < 2) return false;
  const { data } = tensor.read();
  return data.some((value: number) => value !== data[0]);
}

/** What the graphs inside a node take from around them has to stay. */
function lockCaptured(
  node: OnnxNode,
  axesOf: (name: string) => Axes,
  lock: (axis: Axis, reason: string) => void,
): void {
  for (const attr of Object.values(node.attrs)) {
    if (attr.kind !== "graph") continue;
    const names = [...attr.value.outputs.map(({ name }) => name), ...attr.value.nodes.flatMap(({ inputs }) => inputs)];
    for (const name of names) for (const axis of axesOf(name)) lock(axis, `is used inside ${describe(node)}`);
    for (const inner of attr.value.nodes) lockCaptured(inner, axesOf, lock);
  }
}

/** `Conv "conv1"` */
export function describe({ opType, name }: OnnxNode): string {
  return `${opType} "${name}"`;
}
