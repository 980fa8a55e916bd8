import { defineCommand } from "../command.ts";
import { curvatureOptions } from "../curvature/options.ts";
import { curvatureResult, runCurvature, showCurvature } from "../curvature/run.ts";

export const curvature = defineCommand({
  name: "curvature",
  summary: "Measures a task's curvature and writes it to a file, to be merged with in place of its data.",
  options: curvatureOptions,
  positionals: ["model"],
  result: curvatureResult,
  examples: ["hessonite curvature model.onnx --data train.npz --loss cross-entropy -o curvature.safetensors"],
  run: async (options, context) => ({ result: await runCurvature(options, context) }),
  show: showCurvature,
});
