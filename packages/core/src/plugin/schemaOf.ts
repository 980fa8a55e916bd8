/** A plugin's schemas as JSON schema, for editors, other languages and programs that write requests. */
import { z } from "zod";
import { knownKinds } from "./operatorSpec.ts";
import type { Plugin } from "./plugin.ts";

export interface PluginSchema {
  readonly name: string;
  readonly summary: string;
  readonly request: object;
  readonly result: object;
}

/** Objects that live in a process have no JSON form: a reference is a path or a file there. */
export function schemaOf(
  plugin: Pick<Plugin, "name" | "summary" | "requires" | "inputs" | "options" | "result">,
): PluginSchema {
  const request = z.strictObject({
    inputs: z.strictObject(plugin.inputs),
    operators: z.strictObject(plugin.requires).optional(),
    options: z.strictObject(plugin.options.shape).optional(),
  });
  return {
    name: plugin.name,
    summary: plugin.summary,
    request: z.toJSONSchema(request, {
      io: "input",
      unrepresentable: "any",
      override({ zodSchema, jsonSchema }) {
        const kinds = knownKinds(zodSchema as unknown as z.ZodType);
        if (!kinds) return;
        const { $schema: _, ...union } = z.toJSONSchema(kinds, { io: "input" });
        Object.assign(jsonSchema, union);
      },
    }),
    result: z.toJSONSchema(plugin.result, { io: "output", unrepresentable: "any" }),
  };
}
