import { defineCommand } from "../command.ts";
import { mergedResult, runMerge, showMerged } from "../factors/merge.ts";
import { factorsOptions, mergeOptions } from "../factors/options.ts";
import { factorsResult, runFactors } from "../factors/run.ts";
import { showFactors } from "../factors/show.ts";

export const factors = defineCommand({
  name: "factors",
  summary: "Computes the Kronecker factors of every layer and writes them to a file.",
  options: factorsOptions,
  positionals: ["model"],
  result: factorsResult,
  examples: [
    "hessonite factors model.onnx --data data.npz --loss cross-entropy -o factors.safetensors",
    "hessonite factors model.onnx --data data.npz --loss mse --operator kfac,fisher=mc --shard 1/4 -o part-1.safetensors",
  ],
  run: async (options, context) => ({ result: await runFactors(options, context) }),
  show: showFactors,
});

export const factorsMerge = defineCommand({
  name: "factors merge",
  summary: "Adds up the Kronecker factors of several parts of the data.",
  options: mergeOptions,
  positionals: ["files"],
  result: mergedResult,
  examples: ["hessonite factors merge part-1.safetensors part-2.safetensors -o factors.safetensors"],
  run: async (options) => ({ result: await runMerge(options) }),
  show: showMerged,
});
