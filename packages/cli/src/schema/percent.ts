/** A share written as a number or in percent: `0.005` or `0.5%`. */
import { z } from "zod";

export const percent = z.union([z.number(), z.string()]).transform((given, context): number => {
  const [, digits, sign] = /^\s*(\d*\.?\d+(?:e[-+]?\d+)?)\s*(%?)\s*$/i.exec(String(given)) ?? [];
  const value = Number(digits) / (sign === "%" ? 100 : 1);
  if (value >= 0 && value <= 1) return value;
  context.addIssue({ code: "custom", message: "a share from 0 to 1, or a percentage such as 0.5%" });
  return z.NEVER;
});
