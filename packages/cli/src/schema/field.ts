/**
 * What the command line needs to know of one entry of an options schema.
 *
 * Flags, help, configuration keys and the JSON schema all come from the zod schema; this is the one place that looks inside it.
 */
import { z } from "zod";

/** How a flag's words become a value. A "list" takes any number of words. */
export type FieldKind = "text" | "number" | "switch" | "choice" | "list";

export interface Field {
  /** Key in the schema: `batchSize`. */
  readonly key: string;
  /** Name on the command line and in configuration files: `batch-size`. */
  readonly name: string;
  readonly kind: FieldKind;
  /** Of a list's entries. */
  readonly item: FieldKind;
  readonly choices: readonly string[];
  readonly required: boolean;
  readonly preset: unknown;
  readonly description: string;
}

/** The entries of an options schema in order. */
export function fieldsOf(schema: z.ZodObject): Field[] {
  return Object.entries(schema.shape).map(([key, type]) => fieldOf(key, type as z.ZodType));
}

/** `batchSize` as people write it: `batch-size`. */
export function dashed(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

function fieldOf(key: string, type: z.ZodType): Field {
  const { inner, description, preset, required } = unwrapped(type);
  const kind = kindOf(inner);
  const item = kind === "list" ? unwrapped((inner as z.ZodArray<z.ZodType>).element).inner : inner;
  return {
    key,
    name: dashed(key),
    kind,
    item: kindOf(item),
    choices: item instanceof z.ZodEnum ? item.options.map(String) : [],
    required,
    preset,
    description,
  };
}

interface Unwrapped {
  readonly inner: z.ZodType;
  readonly description: string;
  readonly preset: unknown;
  readonly required: boolean;
}

/** Looks through optional, default and transform to the type that is written down. */
function unwrapped(type: z.ZodType): Unwrapped {
  const description = z.globalRegistry.get(type)?.description;
  const deeper = (inner: unknown, changes: Partial<Unwrapped> = {}): Unwrapped => {
    const below = unwrapped(inner as z.ZodType);
    return { ...below, description: description ?? below.description, ...changes };
  };
  if (type instanceof z.ZodOptional) return deeper(type.unwrap(), { required: false });
  if (type instanceof z.ZodDefault) return deeper(type.unwrap(), { required: false, preset: type.def.defaultValue });
  if (type instanceof z.ZodPipe) return deeper(type.def.in);
  return { inner: type, description: description ?? "", preset: undefined, required: true };
}

function kindOf(type: z.ZodType): FieldKind {
  if (type instanceof z.ZodNumber) return "number";
  if (type instanceof z.ZodBoolean) return "switch";
  if (type instanceof z.ZodEnum) return "choice";
  if (type instanceof z.ZodArray) return "list";
  return "text";
}
