/** The check that targets are finite numbers. */
import { UsageError } from "../errors.ts";
import { sizeOf } from "../ir/shape.ts";
import type { Tensor } from "../ir/tensor.ts";

/** @throws {UsageError} naming the row of the first entry that is NaN or infinite. */
export function requireFinite({ data, shape }: Tensor, where: string): void {
  const at = data.findIndex((x) => !Number.isFinite(x));
  if (at < 0) return;
  throw new UsageError("Cannot use the targets as one is not finite", {
    at: `${where}, row ${Math.floor(at / Math.max(1, sizeOf(shape.slice(1))))}`,
    found: data[at]!,
  });
}
