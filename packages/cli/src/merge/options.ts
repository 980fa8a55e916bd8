/** What `hessonite merge` is told. */
import { mergeMethodNames } from "@hessonite/merge";
import { z } from "zod";
import { engineOptions } from "../options/engine.ts";
import { memoryOptions } from "../options/memory.ts";

export const mergeOptions = z.object({
  recipe: z.string().describe("the recipe, a YAML file; its paths start from its folder"),
  out: z.string().optional().describe("the merged model to write; nothing is written unless given"),
  compare: z
    .array(z.string())
    .optional()
    .describe(
      `methods to run beside the recipe's, ranked by held-out loss; the best is written: ${mergeMethodNames.join(", ")}`,
    ),
  ...memoryOptions,
  ...engineOptions,
  report: z.string().optional().describe("write an HTML report to this file"),
});

export type MergeCommandOptions = z.output<typeof mergeOptions>;
