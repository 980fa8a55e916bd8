/** Commander options and arguments from the fields of a schema, and the values of the words given for them. */
import { Argument, type Command, Option } from "commander";
import type { Field, FieldKind } from "./field.ts";

/** Adds an argument for each field named in `positionals` and an option for every other. */
export function addFlags(program: Command, fields: readonly Field[], positionals: readonly string[]): void {
  for (const field of fields) {
    if (positionals.includes(field.key)) program.addArgument(argumentOf(field));
    else program.addOption(optionOf(field));
  }
}

/**
 * Values by schema key, of what was given: words become numbers where the schema has numbers; everything else is for the
 * schema to judge.
 */
export function givenValues(
  program: Command,
  fields: readonly Field[],
  positionals: readonly string[],
): Record<string, unknown> {
  const words = program.processedArgs as unknown[];
  const option = ({ key }: Field): unknown =>
    program.getOptionValueSource(key) === "cli" ? program.getOptionValue(key) : undefined;
  const given = fields.map((field): [string, unknown] => {
    const at = positionals.indexOf(field.key);
    return [field.key, fromWords(field, at < 0 ? option(field) : words[at])];
  });
  return Object.fromEntries(given.filter(([, value]) => value !== undefined));
}

/** A configuration file may give the arguments too, so none is mandatory here; the schema says what is missing. */
function argumentOf(field: Field): Argument {
  return new Argument(field.kind === "list" ? `[${field.name}...]` : `[${field.name}]`, field.description);
}

/** One-letter forms, by key. */
const shorts: Readonly<Record<string, string>> = { out: "-o" };

function optionOf(field: Field): Option {
  const { name, kind, preset, choices } = field;
  if (kind === "switch") return new Option(preset === true ? `--no-${name}` : `--${name}`, field.description);
  const short = field.key in shorts ? `${shorts[field.key]}, ` : "";
  const flags = `${short}--${name} <${placeholder(field)}${kind === "list" ? "..." : ""}>`;
  const option = new Option(flags, descriptionOf(field));
  return choices.length > 0 ? option.choices(choices) : option;
}

function descriptionOf({ description, required, preset }: Field): string {
  if (required) return `${description} (required)`;
  return preset === undefined ? description : `${description} (default: ${String(preset)})`;
}

const placeholders: Readonly<Record<FieldKind, string>> = {
  text: "text",
  number: "number",
  choice: "name",
  switch: "",
  list: "text",
};

function placeholder({ item }: Field): string {
  return placeholders[item];
}

function fromWords({ kind, item }: Field, given: unknown): unknown {
  if (kind === "list") {
    const words = given as readonly string[] | undefined;
    if (words === undefined || words.length === 0) return undefined;
    return item === "number" ? words.flatMap((word) => word.split(",")).map(numberOf) : words;
  }
  return kind === "number" ? numberOf(given) : given;
}

/** A word that is no number stays a word: the schema's complaint then shows it. */
function numberOf(given: unknown): unknown {
  if (typeof given !== "string" || given.trim() === "") return given;
  const value = Number(given);
  return Number.isNaN(value) ? given : value;
}
