/** Scaling of inputs, as of pixels from 0 … 255 to 0 … 1. Nothing is scaled unless asked. */
import { UsageError } from "../errors.ts";
import type { Dtype } from "../ir/dtype.ts";
import type { InputSpec } from "./inputSpec.ts";

/** A factor, or "unit" for the full range of unsigned integers onto [0, 1]: 1/255 for uint8. */
export type Scale = number | "unit";

/** For every input that the model takes as floats, or by input name. */
export type Scales = Scale | Readonly<Record<string, Scale>>;

export function scaleOf({ name }: InputSpec, scale: Scales | undefined): Scale | undefined {
  return typeof scale === "object" ? scale[name] : scale;
}

const fullRange: ReadonlyMap<Dtype, number> = new Map([
  ["uint8", 255],
  ["uint16", 65535],
]);

/** @throws {UsageError} if "unit" is asked for an array whose type says no range, or the factor is no finite number. */
export function factorOf(scale: Scale, dtype: Dtype, at: string): number {
  const range = fullRange.get(dtype);
  if (scale === "unit" && range !== undefined) return 1 / range;
  if (scale !== "unit" && Number.isFinite(scale) && scale !== 0) return scale;
  throw new UsageError("Cannot scale data as the factor is not known", {
    at,
    expected: `a number other than 0, or "unit" for ${[...fullRange.keys()].join(" and ")}`,
    found: `${scale} for ${dtype}`,
  });
}
