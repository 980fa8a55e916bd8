/**
 * Graphs: immutable, statically shaped, typed.
 *
 * Every operator has one output, so a value and the node that makes it are one object. Its identity is the object;
 * its name is for people. Values may be shared by any number of graphs.
 */
import type { Dtype } from "./dtype.ts";
import type { AttrsOf, OpType } from "./ops.ts";
import type { Shape } from "./shape.ts";

/** Where in the user's model a value comes from, for messages and for finding layers. */
export interface Origin {
  /** ONNX node name, or its first output's where it has none. */
  readonly node: string;
  readonly opType: string;
}

interface ValueBase {
  /** Greater than the ids of all inputs: sorting by id is a topological order. */
  readonly id: number;
  readonly name: string;
  readonly dtype: Dtype;
  readonly shape: Shape;
  readonly inputs: readonly Value[];
  readonly origin?: Origin | undefined;
}

/** A graph input: fed at run time. */
export interface InputValue extends ValueBase {
  readonly op: "Input";
  readonly attrs: Record<string, never>;
}

/** The output of one operator. */
export interface NodeValue<Op extends OpType = OpType> extends ValueBase {
  readonly op: Op;
  readonly attrs: AttrsOf<Op>;
}

/** Any operator's output, told apart by `op`. */
export type AnyNode = { [Op in OpType]: NodeValue<Op> }[OpType];

export type Value = InputValue | AnyNode;

export interface Graph {
  readonly inputs: readonly InputValue[];
  /** Values that the outputs need, operands first; inputs are not among them. */
  readonly nodes: readonly AnyNode[];
  readonly outputs: readonly Value[];
}

/** Every value that `outputs` depend on, operands first. Values in `stop` are included but not entered. */
export function reachable(outputs: readonly Value[], stop: ReadonlySet<Value> = new Set()): Value[] {
  const seen = new Set<Value>();
  const pending = [...outputs];
  for (let value = pending.pop(); value !== undefined; value = pending.pop()) {
    if (seen.has(value)) continue;
    seen.add(value);
    if (!stop.has(value)) pending.push(...value.inputs);
  }
  return [...seen].sort((a, b) => a.id - b.id);
}

/** The values among those that `outputs` need which depend on any of `sources` (sources included), operands first. */
export function dependents(outputs: readonly Value[], sources: Iterable<Value>): Value[] {
  const marked = new Set<Value>(sources);
  return reachable(outputs, marked).filter((value) => {
    if (marked.has(value)) return true;
    if (!value.inputs.some((input) => marked.has(input))) return false;
    marked.add(value);
    return true;
  });
}
