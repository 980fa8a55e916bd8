/**
 * What a model costs as products of the lengths of its axes, so that it is known for any choice of channels.
 *
 *     FLOPs = Σ_nodes c Π lengths      multiply–adds of products count twice, every other element once
 */
import type { OnnxNode, Tensor } from "@hessonite/core";
import type { Axes } from "../groups/atoms.ts";
import type { ChannelGraph } from "../groups/channelGroups.ts";
import type { Propagation } from "../groups/propagate.ts";

export interface ModelCost {
  /** Of one run at the shapes that the graph was read with. */
  readonly flops: number;
  /** Elements of stored float tensors. */
  readonly parameters: number;
  /** Of the file: those of all stored tensors, and of what else it has. */
  readonly bytes: number;
}

export type Counted = keyof ModelCost;
const counteds = ["flops", "parameters", "bytes"] as const satisfies readonly Counted[];

/** coefficient · Π lengths of the axes */
interface Term {
  readonly coefficient: number;
  readonly axes: readonly Int32Array[];
}

export interface CostModel {
  /** With everything in place. */
  readonly dense: ModelCost;
  /** After `removed` channels are gone. */
  after(removed: ReadonlySet<number>): ModelCost;
  /** A running count that channels are taken from one by one. */
  count(): RunningCost;
}

export interface RunningCost {
  readonly now: ModelCost;
  /** What one more channel of the set saves. */
  saving(channel: number): ModelCost;
  remove(channel: number): void;
}

/** @param fileBytes Length of the file, of which what is not stored tensors stays; 0 unless given. */
export function costModel({ propagation }: ChannelGraph, fileBytes = 0): CostModel {
  const { find } = propagation.atoms;
  const stored = storedTerms(propagation, elementBytes);
  const terms: Readonly<Record<Counted, readonly Term[]>> = {
    flops: flopTerms(propagation),
    parameters: storedTerms(propagation, (dtype) => Number(isFloat(dtype))),
    bytes: [...stored, { coefficient: Math.max(0, fileBytes - wholeOf(stored)), axes: [] }],
  };
  const touching = byCounted((what) => termsByChannel(terms[what], find));
  const startLengths = (): Map<Int32Array, number> =>
    new Map(
      counteds.flatMap((what) => terms[what].flatMap(({ axes }) => axes.map((axis) => [axis, axis.length] as const))),
    );
  const total = (list: readonly Term[], lengths: ReadonlyMap<Int32Array, number>): number =>
    list.reduce((sum, term) => sum + amountOf(term, (axis) => lengths.get(axis)!), 0);
  const costAt = (lengths: ReadonlyMap<Int32Array, number>): ModelCost =>
    byCounted((what) => total(terms[what], lengths));
  const count = (): RunningCost => {
    const lengths = startLengths();
    let now = costAt(lengths);
    const saving = (channel: number): ModelCost =>
      byCounted((what) => savingIn(touching[what].get(channel) ?? [], lengths, channel, find));
    return {
      get now() {
        return now;
      },
      saving,
      remove(channel) {
        const saved = saving(channel);
        const before = now;
        now = byCounted((what) => before[what] - saved[what]);
        const axes = new Set(
          counteds.flatMap((what) => (touching[what].get(channel) ?? []).flatMap((term) => term.axes)),
        );
        for (const axis of axes) lengths.set(axis, lengths.get(axis)! - timesAlong(axis, channel, find));
      },
    };
  };
  return {
    dense: costAt(startLengths()),
    after(removed) {
      const running = count();
      for (const channel of removed) running.remove(channel);
      return running.now;
    },
    count,
  };
}

function byCounted<T>(of: (what: Counted) => T): Readonly<Record<Counted, T>> {
  return { flops: of("flops"), parameters: of("parameters"), bytes: of("bytes") };
}

/** With every axis whole. */
function wholeOf(terms: readonly Term[]): number {
  return terms.reduce((sum, term) => sum + amountOf(term, (axis) => axis.length), 0);
}

function amountOf({ coefficient, axes }: Term, length: (axis: Int32Array) => number): number {
  return axes.reduce((product, axis) => product * length(axis), coefficient);
}

function savingIn(
  terms: readonly Term[],
  lengths: ReadonlyMap<Int32Array, number>,
  channel: number,
  find: (atom: number) => number,
): number {
  return terms.reduce((sum, term) => {
    const before = amountOf(term, (axis) => lengths.get(axis)!);
    return sum + before - amountOf(term, (axis) => lengths.get(axis)! - timesAlong(axis, channel, find));
  }, 0);
}

const counted = new WeakMap<Int32Array, Map<number, number>>();

/** How often a channel occurs along an axis. */
function timesAlong(axis: Int32Array, channel: number, find: (atom: number) => number): number {
  let counts = counted.get(axis);
  if (!counts) {
    counts = new Map();
    for (const atom of axis) counts.set(find(atom), (counts.get(find(atom)) ?? 0) + 1);
    counted.set(axis, counts);
  }
  return counts.get(channel) ?? 0;
}

function termsByChannel(terms: readonly Term[], find: (atom: number) => number): Map<number, Term[]> {
  const byChannel = new Map<number, Term[]>();
  for (const term of terms) {
    for (const root of new Set(term.axes.flatMap((axis) => Array.from(axis, find))))
      byChannel.set(root, [...(byChannel.get(root) ?? []), term]);
  }
  return byChannel;
}

/** The product of all lengths: those that may shrink as axes, the others in the coefficient. */
function termOf(
  factor: number,
  ...tensors: readonly { readonly shape: readonly number[]; readonly axes: Axes }[]
): Term {
  let coefficient = factor;
  const axes: Int32Array[] = [];
  for (const tensor of tensors) {
    tensor.shape.forEach((length, i) => {
      const axis = tensor.axes[i];
      if (axis) axes.push(axis);
      else coefficient *= length;
    });
  }
  return { coefficient, axes };
}

/** Nodes that move elements or make constants cost nothing. */
const free: ReadonlySet<string> = new Set(
  "Constant Flatten Identity Reshape Shape Squeeze Unsqueeze Gather Transpose Slice Split Concat Expand Cast".split(
    " ",
  ),
);

function flopTerms(propagation: Propagation): Term[] {
  return flopTermsByNode(propagation).flatMap(([, terms]) => terms);
}

function flopTermsByNode(propagation: Propagation): (readonly [OnnxNode, readonly Term[]])[] {
  const { nodes, axes, known, uses } = propagation;
  const own = new Map<OnnxNode, Map<number, Axes>>();
  for (const { node, position, axes: a } of uses) own.set(node, (own.get(node) ?? new Map()).set(position, a));
  const termsOf = (node: OnnxNode): Term[] => {
    const input = (i: number): { shape: readonly number[]; axes: Axes } => ({
      shape: known.values.get(node.inputs[i] ?? "")?.shape ?? [],
      axes: own.get(node)?.get(i) ?? axes.get(node.inputs[i] ?? "") ?? [],
    });
    const name = node.outputs[0] ?? "";
    const y = { shape: known.values.get(name)?.shape ?? [], axes: axes.get(name) ?? [] };
    const tail = ({ shape, axes: a }: ReturnType<typeof input>, from: number): ReturnType<typeof input> => ({
      shape: shape.slice(from),
      axes: a.slice(from),
    });
    if (free.has(node.opType)) return [];
    if (node.opType === "Conv") return [termOf(2, y, tail(input(1), 1))];
    if (node.opType === "ConvTranspose") return [termOf(2, input(0), tail(input(1), 1))];
    if (node.opType === "MatMul") return [termOf(2, y, tail(input(0), input(0).shape.length - 1))];
    if (node.opType === "Gemm") {
      const a = input(0);
      const transposed = node.attrs["transA"]?.kind === "int" && node.attrs["transA"].value === 1;
      const inner = transposed ? { shape: a.shape.slice(0, 1), axes: a.axes.slice(0, 1) } : tail(a, 1);
      return [termOf(2, y, inner)];
    }
    return [termOf(1, y)];
  };
  return nodes.map((node) => [node, termsOf(node)] as const);
}

/** Elements of each operator, in the file's order. */
export function nodeFlops(propagation: Propagation): ReadonlyMap<OnnxNode, number> {
  return new Map(flopTermsByNode(propagation).map(([node, terms]) => [node, wholeOf(terms)]));
}

/** Each stored tensor once, as its first use sees it: its elements times what an element of its type counts. */
function storedTerms({ uses, known, storedDtype }: Propagation, each: (dtype: Tensor["dtype"]) => number): Term[] {
  const seen = new Set<string>();
  return uses.flatMap(({ name, axes }) => {
    if (seen.has(name)) return [];
    seen.add(name);
    const shape = known.values.get(name)?.shape ?? [];
    const dtype = storedDtype(name);
    const counts = dtype ? each(dtype) : 0;
    return counts > 0 ? [termOf(counts, { shape, axes })] : [];
  });
}

function isFloat(dtype: Tensor["dtype"]): boolean {
  return dtype.includes("float");
}

/** Bytes of an element as files hold it. */
export function elementBytes(dtype: Tensor["dtype"]): number {
  if (dtype === "bool") return 1;
  return Number(/\d+$/.exec(dtype)?.[0] ?? 32) / 8;
}
