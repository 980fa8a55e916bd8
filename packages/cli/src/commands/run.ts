import { createHost, type RunRequest } from "@hessonite/core";
import { z } from "zod";
import { defineCommand } from "../command.ts";
import { engineOptions, openEngine } from "../options/engine.ts";
import { memoryOptions } from "../options/memory.ts";
import { namedPlugin } from "../plugin/namedPlugin.ts";
import { readRequest } from "../plugin/readRequest.ts";
import { writeResult } from "../plugin/writeResult.ts";

const result = z.object({
  kind: z.literal("plugin run"),
  plugin: z.string(),
  result: z.unknown().describe("as the plugin's schema says; long arrays by their name in the file of arrays"),
  file: z.string().nullable(),
});

export const run = defineCommand({
  name: "run",
  summary: "Runs a plugin, ours or another package's, on a request: a file that holds the whole run.",
  options: z.object({
    request: z.string().describe("YAML or JSON: plugin, inputs, operators, options"),
    from: z
      .string()
      .optional()
      .describe("folder from whose node_modules the plugin is taken; the current one unless said"),
    cache: z.string().optional().describe("folder that keeps what is costly for the next run"),
    ...memoryOptions,
    ...engineOptions,
    out: z.string().optional().describe("write the result to this JSON file, long arrays to an npz file beside it"),
  }),
  positionals: ["request"],
  result,
  examples: ["hessonite run trace.yaml -o trace.json"],
  async run(options, { signal, progress, note }) {
    const { plugin: name, ...request } = await readRequest(options.request);
    const plugin = await namedPlugin(name, options.from);
    await using engine = await openEngine(options);
    await using host = createHost({
      engine,
      memory: options.maxMemory,
      ...(options.cache && { cache: options.cache }),
    });
    const found = await progress.stage(plugin.name, 100, (done) =>
      host.runAny(plugin, request as RunRequest, {
        signal,
        onNote: note,
        onProgress: (at) => done(Math.round((100 * at.done) / Math.max(1, at.total))),
      }),
    );
    const plain = await writeResult(found, options.out);
    return { result: { kind: "plugin run" as const, plugin: name, result: plain, file: options.out ?? null } };
  },
  show: ({ plugin, result: found, file }) =>
    file ? `${plugin}: the result is in ${file}` : `${plugin}\n${JSON.stringify(found, null, 2)}`,
});
