/**
 * Where a program decides: which side of a kink, which element is largest, which branch. Between decisions it is smooth.
 *
 * Differences across a kink say nothing of the derivative at a point. With its decisions held at what they are there, a
 * piecewise linear operator is y = J x, its own tangent rule applied to x; the program then is the smooth piece through the
 * point, and its derivatives are the ones in question. At the point itself both programs agree, which is checked too.
 */

import type { TangentRule } from "../autodiff/rule.ts";
import { tangentRules } from "../autodiff/rules/index.ts";
import type { GraphBuilder } from "../ir/builder.ts";
import { isFloat } from "../ir/dtype.ts";
import { type AnyNode, dependents, type InputValue, type NodeValue, type Value } from "../ir/graph.ts";
import type { OpType } from "../ir/ops.ts";

/** Homogeneous of degree one between kinks. */
const piecewiseLinear: ReadonlySet<OpType> = new Set([
  "Abs",
  "Max",
  "MaxPool",
  "Min",
  "ReduceMax",
  "ReduceMin",
  "Relu",
]);

/** Constant between jumps. */
const piecewiseConstant: ReadonlySet<OpType> = new Set(["Ceil", "Floor", "Round", "Sign"]);

/** A program on the smooth piece through a point. */
export interface Held {
  /** The values that decide, in the original program. */
  readonly decisions: readonly Value[];
  /** Inputs that stand for them. */
  readonly inputs: readonly InputValue[];
  /** The original outputs, as functions of the original inputs and these. */
  readonly outputs: readonly Value[];
}

/** `outputs` with every decision that depends on `parameters` made an input. */
export function holdDecisions(g: GraphBuilder, outputs: readonly Value[], parameters: readonly InputValue[]): Held {
  const smooth = new Map<Value, Value>(); // piecewise linear nodes and their tangent form
  for (const value of dependents(outputs, parameters)) {
    if (piecewiseLinear.has(value.op as OpType)) smooth.set(value, asTangent(g, value as AnyNode));
  }
  const varying = new Set(dependents([...outputs, ...smooth.values()], parameters));
  const decisions = [...varying].filter((value) => decides(value, varying));
  const now = new Map<Value, Value>(decisions.map((d, i) => [d, g.input(`held_${i}`, d.dtype, d.shape)]));
  const inputs = decisions.map((d) => now.get(d) as InputValue);
  return { decisions, inputs, outputs: outputs.map((output) => rebuilt(g, output, now, smooth, varying)) };
}

/** J x, the rule applied with every input as its own tangent. */
function asTangent(g: GraphBuilder, node: AnyNode): Value {
  const rule = tangentRules[node.op] as TangentRule;
  return rule(g, node as NodeValue, node.inputs) ?? (node as Value);
}

function decides(value: Value, varying: ReadonlySet<Value>): boolean {
  if (value.op === "Input") return false;
  if (piecewiseConstant.has(value.op)) return true;
  return !isFloat(value.dtype) && value.inputs.some((input) => isFloat(input.dtype) && varying.has(input));
}

/** `output` over the held inputs. A tangent form comes after what it stands for, so order is by need, not by id. */
function rebuilt(
  g: GraphBuilder,
  output: Value,
  now: Map<Value, Value>,
  smooth: ReadonlyMap<Value, Value>,
  varying: ReadonlySet<Value>,
): Value {
  const pending = [output];
  for (let value = pending.at(-1); value !== undefined; value = pending.at(-1)) {
    const standIn = smooth.get(value);
    const needs = (standIn && standIn !== value ? [standIn] : value.inputs).filter(
      (x) => varying.has(x) && !now.has(x),
    );
    if (needs.length > 0 && !now.has(value)) {
      pending.push(...needs);
      continue;
    }
    pending.pop();
    if (!now.has(value)) now.set(value, standIn && standIn !== value ? now.get(standIn)! : again(g, value, now));
  }
  return now.get(output)!;
}

function again(g: GraphBuilder, value: Value, now: ReadonlyMap<Value, Value>): Value {
  if (value.op === "Input") return value;
  const inputs = value.inputs.map((input) => now.get(input) ?? input);
  return inputs.every((input, i) => input === value.inputs[i]) ? value : g.op(value.op, inputs, value.attrs);
}
