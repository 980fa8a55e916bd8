/** How every ONNX operator that we read is spelled in core operators: one row an operator, one family a file. */

import { averaging } from "./averaging.ts";
import { classical } from "./classical.ts";
import { constants } from "./constants.ts";
import type { Lowering } from "./context.ts";
import { control } from "./control.ts";
import { einsums } from "./einsum.ts";
import { elementwise } from "./elementwise.ts";
import { folding } from "./folding.ts";
import { indexing } from "./indexing.ts";
import { layout } from "./layout.ts";
import { losses } from "./losses.ts";
import { microsoft } from "./microsoft.ts";
import { normalization } from "./normalization.ts";
import { attentions } from "./onnxAttention.ts";
import { padding } from "./padding.ts";
import { pooling } from "./pooling.ts";
import { products } from "./products.ts";
import { recurrence } from "./recurrent.ts";
import { reductions } from "./reductions.ts";
import { resizing } from "./resize.ts";
import { sampling } from "./sampling.ts";
import { selection } from "./selection.ts";
import { sequences } from "./sequences.ts";

/** By operator for ONNX's own domain, by `domain:operator` for others. */
export const lowerings: Readonly<Record<string, Lowering>> = {
  ...attentions,
  ...averaging,
  ...classical,
  ...constants,
  ...control,
  ...einsums,
  ...elementwise,
  ...folding,
  ...indexing,
  ...layout,
  ...losses,
  ...microsoft,
  ...normalization,
  ...padding,
  ...pooling,
  ...products,
  ...recurrence,
  ...reductions,
  ...resizing,
  ...sampling,
  ...selection,
  ...sequences,
};

/** The key of an operator in the table. */
export function loweringKey(domain: string, opType: string): string {
  return domain === "" ? opType : `${domain}:${opType}`;
}
