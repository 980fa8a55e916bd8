/** A schema's judgement in our words. */
import type { z } from "zod";
import { UsageError } from "../errors.ts";

/**
 * What the schema makes of a value.
 *
 * @param action What cannot be done if it does not fit: "run influence".
 * @param what What was looked at: "its options", "its result".
 * @throws {UsageError} naming the first place that does not fit, and how many there are.
 */
export function validated<Schema extends z.ZodType>(
  schema: Schema,
  value: unknown,
  action: string,
  what: string,
): z.output<Schema> {
  const { success, data, error } = schema.safeParse(value);
  if (success) return data;
  const [issue] = error.issues;
  const path = issue?.path.map(String).join(".") ?? "";
  throw new UsageError(`Cannot ${action} as ${what} do not fit its schema`, {
    at: path || "(whole)",
    expected: issue?.message.replace(/^Invalid (input|option): (expected )?/, "") ?? "",
    found: shown(at(value, issue?.path ?? [])),
    ...(error.issues.length > 1 ? { further: `${error.issues.length - 1} more` } : {}),
  });
}

function at(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>((inner, key) => (inner as Record<PropertyKey, unknown> | undefined)?.[key], value);
}

function shown(value: unknown): string {
  if (value === undefined) return "nothing";
  if (typeof value === "number") return String(value); // NaN and infinities, which JSON has not
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 80 ? `${text.slice(0, 77)}…` : text;
}
