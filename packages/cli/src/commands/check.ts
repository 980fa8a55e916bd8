import { runCheck } from "../check/check.ts";
import { checkOptions } from "../check/options.ts";
import { checkResult } from "../check/result.ts";
import { showCheck } from "../check/show.ts";
import { defineCommand } from "../command.ts";

export const check = defineCommand({
  name: "check",
  summary: "Checks a model's loss, gradient and curvature products against differences and the reference engine.",
  options: checkOptions,
  positionals: ["model"],
  result: checkResult,
  examples: [
    "hessonite check model.onnx",
    "hessonite check model.onnx --loss cross-entropy --batch 8 --dims sequence=32",
  ],
  async run(options, context) {
    const result = await runCheck(options, context);
    return { result, failed: !result.passed };
  },
  show: showCheck,
});
