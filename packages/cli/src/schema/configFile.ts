/**
 * Options from a YAML (or JSON) file: the same names as on the command line, without dashes in front. An entry `record` says
 * what an earlier run was made from.
 */
import { readFile } from "node:fs/promises";
import { openingFacts } from "@hessonite/core";
import { parse } from "yaml";
import { z } from "zod";
import { type RunRecord, recordSchema } from "../record/runFile.ts";
import { CommandLineError } from "./commandLineError.ts";
import { dashed, type Field } from "./field.ts";
import { nearest } from "./nearest.ts";

export interface Config {
  /** By schema key. */
  readonly values: Readonly<Record<string, unknown>>;
  readonly record?: RunRecord;
}

/**
 * @throws {CommandLineError} if the file cannot be read, is no YAML mapping, has a key that no option has, or is the record of
 * another command.
 */
export async function readConfig(path: string, fields: readonly Field[], command: string): Promise<Config> {
  const text = await readFile(path, "utf8").catch((cause: NodeJS.ErrnoException) => {
    throw new CommandLineError(
      "Cannot read the configuration as its file cannot be opened",
      openingFacts(path, cause),
      {
        cause,
      },
    );
  });
  const { record, ...options } = parseMapping(text, path) as Readonly<Record<string, unknown>>;
  const values = Object.fromEntries(Object.entries(options).map(([name, value]) => [keyOf(name, fields, path), value]));
  return record === undefined ? { values } : { values, record: recordOf(record, path, command) };
}

function recordOf(record: unknown, path: string, command: string): RunRecord {
  const { data } = recordSchema.safeParse(record);
  if (data?.command === command) return data;
  throw new CommandLineError("Cannot use the configuration as its record is of another command, or none", {
    at: path,
    expected: command,
    found: data?.command ?? "no record as a run writes it",
  });
}

function parseMapping(text: string, path: string): object {
  const value = parsed(text, path);
  if (value === null) return {};
  if (typeof value === "object" && !Array.isArray(value)) return value;
  throw new CommandLineError("Cannot read the configuration as it is no list of options", {
    at: path,
    expected: "a line `name: value` for each option",
  });
}

function parsed(text: string, path: string): unknown {
  try {
    return parse(text);
  } catch (cause) {
    const [first] = (cause as Error).message.split("\n");
    throw new CommandLineError(
      "Cannot read the configuration as it is not YAML",
      { at: path, found: first ?? "" },
      { cause },
    );
  }
}

function keyOf(name: string, fields: readonly Field[], path: string): string {
  const field = fields.find((f) => f.name === name || f.key === name);
  if (field) return field.key;
  const names = fields.map((f) => f.name);
  const guess = nearest(name, names);
  throw new CommandLineError("Cannot use the configuration as it has an option that the command does not know", {
    at: path,
    found: name,
    try: guess ? `${guess}?` : `one of ${names.join(", ")}`,
  });
}

/** The JSON schema of such a file, for editors and other programs. */
export function configSchema(options: z.ZodObject): object {
  const { properties = {}, required: _, ...rest } = z.toJSONSchema(options, { io: "input" });
  const named = Object.entries(properties).map(([key, value]) => [dashed(key), value]);
  return { ...rest, properties: Object.fromEntries(named), additionalProperties: false };
}
