/** How large an integer input may be, by what its consumers do with it. */
import { isFloat } from "../ir/dtype.ts";
import { type AnyNode, type InputValue, reachable, type Value } from "../ir/graph.ts";

/** Operators that move integers without changing them. */
const moves: ReadonlySet<string> = new Set(["Cast", "Concat", "Expand", "Reshape", "Slice", "Transpose", "Where"]);

/**
 * The smallest length of an axis that `input` indexes on its way to `outputs`; undefined where it indexes none.
 *
 * Sums with a constant shift the range; what else is computed from it limits nothing.
 */
export function indexRange(outputs: readonly Value[], input: InputValue): number | undefined {
  const users = usersOf(outputs);
  const known = new Map<Value, number>();
  const limit = (value: Value): number => {
    const before = known.get(value);
    if (before !== undefined) return before;
    const limits = (users.get(value) ?? []).map((user) => limitBy(user, value, limit));
    const smallest = Math.min(Number.POSITIVE_INFINITY, ...limits.filter((n) => n > 0)); // ≤ 0: the branch for indices from the end
    known.set(value, smallest);
    return smallest;
  };
  const found = limit(input);
  return Number.isFinite(found) ? found : undefined;
}

function usersOf(outputs: readonly Value[]): Map<Value, AnyNode[]> {
  const users = new Map<Value, AnyNode[]>();
  for (const value of reachable(outputs)) {
    if (value.op === "Input") continue;
    for (const operand of new Set(value.inputs)) users.set(operand, [...(users.get(operand) ?? []), value]);
  }
  return users;
}

/** What one consumer allows. */
function limitBy(user: AnyNode, value: Value, limit: (value: Value) => number): number {
  const none = Number.POSITIVE_INFINITY;
  const [first, second] = user.inputs;
  switch (user.op) {
    case "Gather":
    case "GatherElements":
      if (second === value) return first?.shape[user.attrs.axis] ?? none;
      return isFloat(user.dtype) ? none : limit(user as Value);
    case "ScatterElements":
      return second === value ? (first?.shape[user.attrs.axis] ?? none) : none;
    case "Add":
      return limit(user as Value) - largestConstant(first === value ? second : first);
    default:
      return moves.has(user.op) && !isFloat(user.dtype) && user.dtype !== "bool" ? limit(user as Value) : none;
  }
}

function largestConstant(value: Value | undefined): number {
  return value?.op === "Constant" ? Float64Array.from(value.attrs.value.data).reduce((a, b) => Math.max(a, b), 0) : 0;
}
