/** Rows of the data: `64` for the first 64, `100:200` for rows 100 to 199, `100:` for all from row 100 on. */
import { z } from "zod";

export interface RowRange {
  readonly start: number;
  readonly end: number;
}

export const rowRange = z.union([z.number(), z.string()]).transform((given, context): RowRange => {
  const range = rangeOf(String(given));
  if (range && range.start < range.end) return range;
  context.addIssue({ code: "custom", message: "a number of rows, or start:end with start before end" });
  return z.NEVER;
});

function rangeOf(text: string): RowRange | undefined {
  const [, first = "", colon, last = ""] = /^(\d*)(:?)(\d*)$/.exec(text) ?? [];
  if (colon === undefined || (first === "" && last === "")) return undefined;
  if (colon === "") return { start: 0, end: Number(first) };
  return { start: Number(first || 0), end: last === "" ? Number.POSITIVE_INFINITY : Number(last) };
}
