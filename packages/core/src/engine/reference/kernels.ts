/** The reference kernel of every core operator, and how one is run. */
import type { AttrsOf, OpType } from "../../ir/ops.ts";
import type { Tensor } from "../../ir/tensor.ts";
import { convolutionKernels } from "./convolution.ts";
import { binaryKernels, unaryKernels } from "./elementwise.ts";
import { indexingKernels } from "./indexing.ts";
import type { Kernel, Kernels, Out } from "./kernel.ts";
import { layoutKernels } from "./layout.ts";
import { matmulKernels } from "./matmul.ts";
import { poolingKernels } from "./pooling.ts";
import { predicateKernels } from "./predicates.ts";
import { reductionKernels } from "./reductions.ts";
import { selectionKernels } from "./selection.ts";
import { softmaxKernels } from "./softmax.ts";
import { held } from "./storage.ts";

export const kernels: Kernels<OpType> = {
  ...binaryKernels,
  ...convolutionKernels,
  ...indexingKernels,
  ...layoutKernels,
  ...matmulKernels,
  ...poolingKernels,
  ...predicateKernels,
  ...reductionKernels,
  ...selectionKernels,
  ...softmaxKernels,
  ...unaryKernels,
};

/**
 * Runs one operator.
 *
 * @param inputs Operands, in whatever arrays their numbers are held.
 * @param out The result's dtype and shape, as `infer` gives them.
 * @returns The result; floats in float64. It may share the data of an operand.
 * @throws {MismatchError} if an index lies outside its axis, or there is nothing to select from.
 *
 * @example
 * ```ts
 * const x = tensor("float32", [3], [1, 2, 3]);
 * const y = evaluateOp("ReduceSum", [x], { axes: [0], keepdims: false }, { dtype: "float32", shape: [] });
 * expect(y.data).toEqual(Float64Array.of(6));
 * ```
 */
export function evaluateOp(op: OpType, inputs: readonly Tensor[], attrs: AttrsOf<OpType>, out: Out): Tensor {
  const kernel = kernels[op] as unknown as Kernel<OpType>;
  return { dtype: out.dtype, shape: out.shape, data: kernel(inputs.map(held), attrs, out) };
}
