/** What comes before an initializer's consumer tells a layer's own bias and scale from tables laid over activations. */
import { sizeOf } from "../ir/shape.ts";
import type { OnnxModel, OnnxNode } from "./model.ts";

export interface Surroundings {
  /** By the name of what they make. */
  readonly producers: ReadonlyMap<string, OnnxNode>;
  readonly initializers: OnnxModel["initializers"];
}

/** Operators that leave every feature of a product in one piece. */
const rearranging = new Set(["Identity", "Reshape", "Squeeze", "Transpose", "Unsqueeze"]);

/**
 * True if `name` is a product with a weight whose output features number as many as `shape` has entries, as in attention,
 * where Keras adds a bias `[heads, width]` after the product was cut into heads.
 */
export function isProductInto(shape: readonly number[], name: string, around: Surroundings): boolean {
  const node = around.producers.get(name);
  if (!node) return false;
  if (rearranging.has(node.opType)) return isProductInto(shape, node.inputs[0]!, around);
  if (node.opType !== "Einsum") return node.opType === "MatMul" && featuresOf(name, around) === sizeOf(shape);
  const weight = around.initializers.get(node.inputs[1] ?? "")?.shape ?? [];
  const features = shape.slice(shape.findIndex((d) => d !== 1));
  return String(weight.slice(-features.length)) === String(features);
}

/** How many features a product with a stored weight has; undefined where `name` is none. */
export function featuresOf(name: string, { producers, initializers }: Surroundings): number | undefined {
  const node = producers.get(name);
  const weight = initializers.get(node?.inputs[1] ?? "")?.shape;
  if (!node || !weight) return undefined;
  const { transB } = node.attrs;
  const transposed = node.opType === "Gemm" && transB?.kind === "int" && transB.value !== 0;
  if (node.opType === "Conv" || transposed) return weight[0];
  return node.opType === "MatMul" || node.opType === "Gemm" ? weight.at(-1) : undefined;
}

/** Operators between a division by the deviation and the scale or bias after it. */
const between = new Set(["Mul", "Neg", "Sub"]);

/** True if `name` was divided by √(variance + ε) a few operators before: a normalisation written out. */
export function isNormalised(name: string, around: Surroundings, depth = 0): boolean {
  const node = around.producers.get(name);
  if (!node || depth > 4) return false;
  if (node.opType === "Reciprocal") return isDeviation(node.inputs[0]!, around);
  if (node.opType === "Div") return isDeviation(node.inputs[1]!, around);
  return between.has(node.opType) && node.inputs.some((input) => isNormalised(input, around, depth + 1));
}

function isDeviation(name: string, { producers }: Surroundings): boolean {
  const root = producers.get(name);
  return root?.opType === "Sqrt" && producers.get(root.inputs[0]!)?.opType === "Add";
}
