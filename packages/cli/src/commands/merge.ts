import { mergeResult } from "@hessonite/merge";
import { defineCommand } from "../command.ts";
import { mergeOptions } from "../merge/options.ts";
import { runMerge } from "../merge/run.ts";
import { showMerge } from "../merge/show.ts";

export const merge = defineCommand({
  name: "merge",
  summary: "Merges fine-tuned models of one architecture into one, by a recipe.",
  options: mergeOptions,
  positionals: ["recipe"],
  result: mergeResult,
  examples: [
    "hessonite merge recipe.yaml -o merged.onnx --report report.html",
    "hessonite merge recipe.yaml -o merged.onnx --compare average,fisher,regmean,kfac,ggn,function",
  ],
  run: async (options, context) => ({ result: await runMerge(options, context) }),
  show: showMerge,
});
