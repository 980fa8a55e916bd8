/** How a parameter relates to what its file holds, where exporters have changed name, sharing or layout. */
import type { Initializer } from "../model.ts";

/** The name of the stored tensor that holds this parameter's values. */
export function storedName({ name, storage }: Initializer): string {
  return storage?.name ?? name;
}

/** A shape as the model's source has it, and which stored axis each of its axes is: `source[i] = stored[perm[i]]`. */
export interface SourceLayout {
  readonly shape: readonly number[];
  readonly perm: readonly number[];
}

/** The layout before exporters transposed it: `[out, in]` for a linear layer's weight. */
export function sourceLayout({ shape, storage }: Initializer): SourceLayout {
  const perm = storage?.perm ?? shape.map((_, axis) => axis);
  return { shape: perm.map((axis) => shape[axis] ?? 1), perm };
}
