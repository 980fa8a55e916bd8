import { schemaOf } from "@hessonite/core";
import { z } from "zod";
import { defineCommand } from "../command.ts";
import { namedPlugin } from "../plugin/namedPlugin.ts";

const schema = z.record(z.string(), z.unknown());

export const plugin = defineCommand({
  name: "plugin",
  summary: "What a plugin takes and gives, as JSON schemas.",
  options: z.object({
    plugin: z.string().describe("a package's name, or a path that begins with a dot"),
    from: z.string().optional().describe("folder from whose node_modules it is taken; the current one unless said"),
  }),
  positionals: ["plugin"],
  result: z.object({ name: z.string(), summary: z.string(), request: schema, result: schema }),
  examples: ["hessonite plugin hessonite-plugin-trace"],
  async run({ plugin: name, from }) {
    const { request, result, ...words } = schemaOf(await namedPlugin(name, from));
    return { result: { ...words, request: { ...request }, result: { ...result } } };
  },
  show: (found) => JSON.stringify(found, null, 2),
});
