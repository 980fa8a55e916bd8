/** One of several parts of the work: `2/8`. */
import { z } from "zod";

export const shard = z.string().transform((text, context): { index: number; of: number } => {
  const [, index = "", of = ""] = /^(\d+)\/(\d+)$/.exec(text) ?? [];
  if (Number(index) >= 1 && Number(index) <= Number(of)) return { index: Number(index), of: Number(of) };
  context.addIssue({ code: "custom", message: "a part of the whole, such as 2/8" });
  return z.NEVER;
});
