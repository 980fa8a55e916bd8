/** What a lowering row sees of the node it lowers. */
import { type ErrorFacts, UnsupportedModelError } from "../../errors.ts";
import type { GraphBuilder } from "../../ir/builder.ts";
import { constantNumbers } from "../../ir/constant.ts";
import type { Value } from "../../ir/graph.ts";
import type { Tensor } from "../../ir/tensor.ts";
import type { OnnxNode, Subgraph } from "../model.ts";

/** A list of tensors, of a length that is known. */
export interface Sequence {
  readonly items: readonly Value[];
}

/** What a name in a model stands for. */
export type Bound = Value | Sequence;

export function isSequence(bound: Bound): bound is Sequence {
  return "items" in bound;
}

/** ONNX node in, core values out: one for each of the node's outputs that the row knows. */
export type Lowering = (c: LoweringContext) => Bound | readonly (Bound | undefined)[];

export interface LoweringContext {
  readonly g: GraphBuilder;
  readonly node: OnnxNode;
  /** The model's opset for this node's domain. */
  readonly opset: number;
  /** Input `i`; absent optional inputs are undefined. */
  input(i: number): Value | undefined;
  /** Input `i`, which the operator requires. */
  need(i: number): Value;
  /** The tensors of input `i`, a sequence. */
  sequence(i: number): readonly Value[];
  /** Input `i`, tensor or sequence, which the operator requires. */
  bound(i: number): Bound;
  /** All inputs that are present. */
  inputs(): readonly Value[];
  /** Integers that input `i` holds, after folding; undefined if it is absent, an error if it depends on data. */
  ints(i: number): readonly number[] | undefined;
  /** The numbers of input `i`, likewise. */
  numbers(i: number): readonly number[] | undefined;
  int(name: string, otherwise: number): number;
  float(name: string, otherwise: number): number;
  string(name: string, otherwise: string): string;
  intList(name: string): readonly number[] | undefined;
  floatList(name: string): readonly number[] | undefined;
  stringList(name: string): readonly string[] | undefined;
  tensorAttr(name: string): Tensor | undefined;
  /** Lowers a subgraph with these values for its inputs; it sees the names around it. */
  subgraph(name: string): Subgraph | undefined;
  lowerSubgraph(body: Subgraph, inputs: readonly Bound[]): readonly Bound[];
  /** `n`, if a list of that many numbers is reasonable to make. */
  count(n: number): number;
  /** True if `value` is computed from the model's inputs, rather than from what it stores alone. */
  dependsOnData(value: Value): boolean;
  /** True if the node names its output `i`, so that somebody may want it. */
  wants(i: number): boolean;
  /** An error that names this node: "Cannot use X as …". */
  refuse(reason: string, facts?: ErrorFacts): UnsupportedModelError;
}

export interface Surroundings {
  readonly g: GraphBuilder;
  readonly opset: number;
  lookup(name: string): Bound;
  lowerSubgraph(body: Subgraph, inputs: readonly Bound[]): readonly Bound[];
  dependsOnData(value: Value): boolean;
}

/** Positions along an axis that are spelled out one by one. */
const longestList = 2 ** 26;

export function loweringContext(node: OnnxNode, around: Surroundings): LoweringContext {
  const refuse: LoweringContext["refuse"] = (reason, facts = {}) =>
    new UnsupportedModelError(`Cannot use ${node.opType} as ${reason}`, { at: `node "${node.name}"`, ...facts });
  const attr = (name: string, kind: string): unknown => {
    const found = node.attrs[name];
    return found?.kind === kind ? (found as { value: unknown }).value : undefined;
  };
  const tensor = (name: string): Value => {
    const bound = around.lookup(name);
    if (isSequence(bound)) throw refuse("an input is a sequence, not a tensor", { input: name });
    return bound;
  };
  const bound = (i: number): Bound => {
    if (!node.inputs[i]) throw refuse(`its input ${i} is missing`);
    return around.lookup(node.inputs[i]);
  };
  const input = (i: number): Value | undefined => (node.inputs[i] ? tensor(node.inputs[i]) : undefined);
  const numbers = (i: number): readonly number[] | undefined => {
    const value = input(i);
    if (!value) return undefined;
    const list = constantNumbers(value);
    if (!list) {
      throw refuse(`its input ${i} depends on the data`, {
        input: node.inputs[i],
        try: "export the model with fixed shapes, or with this input as a constant",
      });
    }
    return list;
  };
  return {
    g: around.g,
    node,
    opset: around.opset,
    input,
    need(i) {
      const value = input(i);
      if (!value) throw refuse(`its input ${i} is missing`);
      return value;
    },
    bound,
    sequence(i) {
      const list = bound(i);
      if (!isSequence(list)) throw refuse(`its input ${i} is a tensor, not a sequence`);
      return list.items;
    },
    inputs: () => node.inputs.filter((name) => name !== "").map(tensor),
    ints: numbers,
    numbers,
    int: (name, otherwise) => (attr(name, "int") as number | undefined) ?? otherwise,
    float: (name, otherwise) => (attr(name, "float") as number | undefined) ?? otherwise,
    string: (name, otherwise) => (attr(name, "string") as string | undefined) ?? otherwise,
    intList: (name) => attr(name, "ints") as readonly number[] | undefined,
    floatList: (name) => attr(name, "floats") as readonly number[] | undefined,
    stringList: (name) => attr(name, "strings") as readonly string[] | undefined,
    tensorAttr: (name) => attr(name, "tensor") as Tensor | undefined,
    subgraph: (name) => attr(name, "graph") as Subgraph | undefined,
    lowerSubgraph: around.lowerSubgraph,
    dependsOnData: around.dependsOnData,
    count(n) {
      if (Number.isFinite(n) && n <= longestList) return n;
      throw refuse("it asks for a size that cannot be meant", { expected: `at most ${longestList}`, found: n });
    },
    wants: (i) => Boolean(node.outputs[i]),
    refuse,
  };
}
