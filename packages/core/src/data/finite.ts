/** The check that data hold numbers only, with the place where they do not. */
import { UsageError } from "../errors.ts";
import { sizeOf } from "../ir/shape.ts";
import type { Tensor } from "../ir/tensor.ts";

/** What to do about NaN and infinities in data. */
export type NonFinite = "error" | "allow";

/**
 * Refuses NaN and infinities. −∞ passes in an array of nothing but 0 and −∞, an additive attention mask.
 *
 * @param firstRow The number of the tensor's first row in the data, for the message.
 * @throws {UsageError} if there are any; says the array, the row, the place in the row, and how many there are.
 */
export function checkFinite(tensor: Tensor, at: string, firstRow = 0): void {
  const { data, shape } = tensor;
  if (data instanceof Int32Array || data instanceof Uint8Array) return;
  const first = data.findIndex((x) => !Number.isFinite(x));
  if (first < 0 || data.every((x) => x === 0 || x === Number.NEGATIVE_INFINITY)) return;
  const width = sizeOf(shape.slice(1));
  let count = 0;
  for (const x of data) if (!Number.isFinite(x)) count++;
  const column = placeIn(shape.slice(1), first % width);
  throw new UsageError("Cannot use data as an array holds NaN or an infinity", {
    at,
    found: `${data.at(first)}${count > 1 ? ` (and ${count - 1} more)` : ""}`,
    row: firstRow + Math.floor(first / width),
    ...(column === "" ? {} : { column }),
    try: `drop or fill these rows, or pass nonFinite: "allow"`,
  });
}

/** `3`, or `[0, 27, 3]` where a row has several axes. */
function placeIn(shape: readonly number[], flat: number): string {
  let rest = flat;
  const index = [...shape].reverse().map((length) => {
    const i = rest % length;
    rest = (rest - i) / length;
    return i;
  });
  return index.length > 1 ? `[${index.reverse().join(", ")}]` : index.join("");
}
