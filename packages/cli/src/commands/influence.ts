import { defineCommand } from "../command.ts";
import { influenceOptions } from "../influence/options.ts";
import { influenceCommandResult } from "../influence/result.ts";
import { runInfluence } from "../influence/run.ts";
import { showInfluence } from "../influence/show.ts";

export const influence = defineCommand({
  name: "influence",
  summary: "Scores every training row by its influence on each query: which examples made the model say this?",
  options: influenceOptions,
  positionals: ["model"],
  result: influenceCommandResult,
  examples: [
    "hessonite influence model.onnx --train train.npz --query test.npz --loss cross-entropy --out scores.npz",
    "hessonite influence model.onnx --train train.npz --self --loss cross-entropy --report report.html",
  ],
  async run(options, context) {
    return { result: await runInfluence(options, context) };
  },
  show: showInfluence,
});
