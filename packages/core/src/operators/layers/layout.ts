/** How a weight's stored entries lie in its canonical form `[groups, out, in]`. */
import { evaluateGraph } from "../../engine/reference/interpreter.ts";
import { type GraphBuilder, graphOf } from "../../ir/builder.ts";
import type { InputValue, Value } from "../../ir/graph.ts";
import { sizeOf } from "../../ir/shape.ts";

/** A weight as the operator that uses it sees it, and how that becomes canonical. */
export interface StoredForm {
  /** The value at the operator: the parameter, moved. */
  readonly value: Value;
  readonly groups: number;
  readonly out: number;
  readonly in: number;
  /** From `value` to `[groups, out, in]`, by moves alone. */
  canonical(g: GraphBuilder, value: Value): Value;
}

/** Flat index in the parameter of each canonical entry; null if it is the identity. Found by moving 0, 1, 2, …. */
export function layoutIndex(g: GraphBuilder, parameter: InputValue, form: StoredForm): Int32Array | null {
  const canonical = form.canonical(g, form.value);
  if (isPlainReshape(canonical, parameter)) return null;
  const graph = graphOf([parameter], [canonical]);
  const count = sizeOf(parameter.shape);
  const counting = Float64Array.from({ length: count }, (_, i) => i);
  const [moved] = evaluateGraph(
    graph,
    new Map<Value, { dtype: "float32"; shape: readonly number[]; data: Float64Array }>([
      [parameter, { dtype: "float32", shape: parameter.shape, data: counting }],
    ]),
  );
  const index = Int32Array.from(moved!.data);
  return index.every((from, to) => from === to) ? null : index;
}

/** Most weights already lie as they should: nothing to move. */
function isPlainReshape(value: Value, parameter: Value): boolean {
  return value === parameter || (value.op === "Reshape" && value.inputs[0] === parameter);
}
