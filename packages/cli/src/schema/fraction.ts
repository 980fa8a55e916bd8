/** A factor written as a number, as a fraction such as `1/255`, or as the word `unit`. */
import { z } from "zod";

const pattern = /^\s*(-?[\d.]+(?:e[-+]?\d+)?)(?:\s*\/\s*(-?[\d.]+(?:e[-+]?\d+)?))?\s*$/i;

export const fraction = z.union([z.number(), z.string()]).transform((given, context): number | "unit" => {
  if (given === "unit") return given;
  const value = typeof given === "number" ? given : quotient(given);
  if (Number.isFinite(value) && value !== 0) return value;
  context.addIssue({ code: "custom", message: "a number, a fraction such as 1/255, or unit" });
  return z.NEVER;
});

function quotient(text: string): number {
  const [, numerator, denominator = "1"] = pattern.exec(text) ?? [];
  return Number(numerator) / Number(denominator);
}
