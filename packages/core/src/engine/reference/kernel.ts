/**
 * What a reference kernel is.
 *
 * The reference engine is the oracle of every other one. It computes all floating types in float64, without rounding
 * to the declared type, by plain loops that read like the operator's definition. Kernels do not check what shape
 * inference has checked; they check what only values can show, as an index outside its axis.
 */
import type { Dtype } from "../../ir/dtype.ts";
import type { AttrsOf, OpType } from "../../ir/ops.ts";
import type { Shape } from "../../ir/shape.ts";
import type { NumericArray, Tensor } from "../../ir/tensor.ts";

/** The result's type, which shape inference has decided. */
export interface Out {
  readonly dtype: Dtype;
  readonly shape: Shape;
}

/**
 * Computes the elements of one operator's result, row-major.
 *
 * Operands are held as `storage.ts` says and are never written to; a kernel that moves nothing may return the data
 * of its operand.
 */
export type Kernel<Op extends OpType> = (inputs: readonly Tensor[], attrs: AttrsOf<Op>, out: Out) => NumericArray;

/** A kernel for each operator of a family. */
export type Kernels<Ops extends OpType> = { readonly [Op in Ops]: Kernel<Op> };
