/** Models whose file fixes the batch. */
import type { OnnxModel, Tensor } from "@hessonite/core";

/** The batch that the file fixes; undefined where it leaves the length open. */
export function fixedBatch({ inputs }: OnnxModel): number | undefined {
  return inputs.map(({ shape }) => shape?.[0]).find((length) => typeof length === "number");
}

/** The last row over and over, up to the batch that the model's file fixes. */
export function padded(tensor: Tensor, rows: number, fixed: number): Tensor {
  if (tensor.shape[0] !== rows || rows >= fixed) return tensor;
  const size = tensor.data.length / rows;
  const data = new (tensor.data.constructor as Float64ArrayConstructor)(fixed * size);
  data.set(tensor.data as ArrayLike<number>);
  for (let row = rows; row < fixed; row++) data.copyWithin(row * size, (rows - 1) * size, rows * size);
  return { ...tensor, shape: [fixed, ...tensor.shape.slice(1)], data };
}
