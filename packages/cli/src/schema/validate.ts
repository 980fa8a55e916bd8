/** The schema's judgement of what was given, in our words. */
import type { z } from "zod";
import { CommandLineError } from "./commandLineError.ts";
import { dashed, type Field } from "./field.ts";

/**
 * The options, complete.
 *
 * @throws {CommandLineError} naming the first option that is missing or has a value it cannot have.
 */
export function validated<Options extends z.ZodObject>(
  schema: Options,
  given: Readonly<Record<string, unknown>>,
  command: string,
  positionals: readonly string[],
  fields: readonly Field[],
): z.output<Options> {
  const missing = fields.find(({ key, required }) => required && given[key] === undefined);
  if (missing) {
    throw new CommandLineError(`Cannot run ${command} as ${nameOf(missing.key, positionals)} is missing`, {
      expected: missing.description,
      try: `hessonite ${command} --help`,
    });
  }
  const { success, data, error } = schema.safeParse(given);
  if (success) return data;
  const issue = error.issues[0] as z.core.$ZodIssue; // a failure has one or more
  const key = String(issue.path[0]);
  throw new CommandLineError(`Cannot run ${command} as ${nameOf(key, positionals)} has a value that it cannot have`, {
    expected: issue.message.replace(/^Invalid (input|option): /, "").replace(/^expected /, ""),
    found: JSON.stringify(given[key]),
    try: `hessonite ${command} --help`,
  });
}

function nameOf(key: string, positionals: readonly string[]): string {
  return positionals.includes(key) ? `<${dashed(key)}>` : `--${dashed(key)}`;
}
