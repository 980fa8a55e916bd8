/** The kernel of every core operator but constants, which a program uploads once. */
import type { OpType } from "../../ir/ops.ts";
import { binaryKernels, choiceKernels, predicateKernels, unaryKernels } from "./elementwise.ts";
import type { TfKernels } from "./kernel.ts";
import { alongAxisKernels, layoutKernels } from "./layout.ts";
import { windowKernels } from "./windows.ts";

export const kernels: TfKernels<Exclude<OpType, "Constant">> = {
  ...alongAxisKernels,
  ...binaryKernels,
  ...choiceKernels,
  ...layoutKernels,
  ...predicateKernels,
  ...unaryKernels,
  ...windowKernels,
};
