import { defineCommand } from "../command.ts";
import { evaluateScores } from "../influence/evaluate.ts";
import { evaluateOptions, evaluation } from "../influence/evaluation.ts";
import { showEvaluation } from "../influence/showEvaluation.ts";

export const influenceEvaluate = defineCommand({
  name: "influence evaluate",
  summary: "How good influence scores are: against training on subsets, without the most helpful rows, or marked rows.",
  options: evaluateOptions,
  positionals: ["scores"],
  result: evaluation,
  examples: [
    "hessonite influence evaluate scores.npz --retraining retraining.npz",
    "hessonite influence evaluate self.npz --marked flipped.npz",
    "hessonite influence evaluate scores.npz --removal 20 --model model.onnx --train train.npz --query test.npz --loss mse --report report.html",
  ],
  run: async (options, context) => ({ result: await evaluateScores(options, context) }),
  show: showEvaluation,
});
