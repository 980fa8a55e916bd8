/** The choice of some parameters' entries from a vector of all: `submatrix` and `congruence` make operators of it. */
import { UsageError } from "../errors.ts";
import { globPattern } from "../onnx/select.ts";
import type { LinearOperator } from "./linearOperator.ts";
import type { ParameterSpace } from "./parameterSpace.ts";
import { selection } from "./selection.ts";

/**
 * Indices of the entries of the parameters that match a name or glob, in the space's order.
 *
 * @throws {UsageError} if a name or glob matches nothing.
 */
export function parameterIndices({ parameters }: ParameterSpace, names: readonly string[]): Int32Array {
  const patterns = names.map((name) => {
    const pattern = globPattern(name);
    if (parameters.some((parameter) => pattern.test(parameter.name))) return pattern;
    throw new UsageError("Cannot choose parameters as a name or glob matches none", {
      found: name,
      try: `one of ${parameters.map((parameter) => parameter.name).join(", ")}`,
    });
  });
  const chosen = parameters.filter(({ name }) => patterns.some((pattern) => pattern.test(name)));
  return Int32Array.from(chosen.flatMap(({ offset, size }) => Array.from({ length: size }, (_, i) => offset + i)));
}

/** S with S v = the entries of the parameters that match. */
export function parameterSelection(space: ParameterSpace, names: readonly string[]): LinearOperator {
  return selection(parameterIndices(space, names), space.size, names.join(", "));
}
