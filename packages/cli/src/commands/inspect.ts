import { defineCommand } from "../command.ts";
import { inspectModel } from "../inspect/inspect.ts";
import { inspectOptions } from "../inspect/options.ts";
import { inspectResult } from "../inspect/result.ts";
import { showInspection } from "../inspect/show.ts";

export const inspect = defineCommand({
  name: "inspect",
  summary: "Tells what a model is made of, what counts as a parameter, and what can be differentiated.",
  options: inspectOptions,
  positionals: ["model"],
  result: inspectResult,
  examples: ["hessonite inspect model.onnx", "hessonite inspect model.onnx --batch 8 --dims sequence=32 --graph"],
  run: async (options) => ({ result: await inspectModel(options) }),
  show: showInspection,
});
