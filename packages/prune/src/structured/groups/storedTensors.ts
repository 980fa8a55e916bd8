/** Tensors that a model's file holds: its initializers, and what its Constant nodes hold. */
import type { OnnxModel, OnnxNode, Tensor } from "@hessonite/core";

export interface StoredTensor {
  /** Its element type in the file; 16-bit floats are read as float32. */
  readonly dtype: Tensor["dtype"];
  readonly constant: boolean;
  read(): Tensor;
}

/** By the name of the initializer or of the Constant's output. */
export function storedTensors(model: OnnxModel, nodes: readonly OnnxNode[]): ReadonlyMap<string, StoredTensor> {
  const found = new Map<string, StoredTensor>();
  for (const [name, { dtype, read }] of model.initializers) {
    if (dtype !== "string") found.set(name, { dtype, constant: false, read: once(read) });
  }
  for (const node of nodes) {
    const value = node.opType === "Constant" && node.domain === "" ? constantOf(node) : undefined;
    if (value) found.set(node.outputs[0]!, { dtype: value.dtype, constant: true, read: () => value });
  }
  return found;
}

function once(read: () => Tensor): () => Tensor {
  let value: Tensor | undefined;
  return () => {
    value ??= read();
    return value;
  };
}

/** Undefined for one that holds no numbers. */
function constantOf({ attrs }: OnnxNode): Tensor | undefined {
  const { value, value_int: int, value_ints: ints, value_float: float, value_floats: floats } = attrs;
  if (value?.kind === "tensor") return value.value;
  if (int?.kind === "int") return { dtype: "int64", shape: [], data: Float64Array.of(int.value) };
  if (float?.kind === "float") return { dtype: "float32", shape: [], data: Float32Array.of(float.value) };
  if (ints?.kind === "ints") return { dtype: "int64", shape: [ints.value.length], data: Float64Array.from(ints.value) };
  if (floats?.kind === "floats")
    return { dtype: "float32", shape: [floats.value.length], data: Float32Array.from(floats.value) };
  return undefined;
}
