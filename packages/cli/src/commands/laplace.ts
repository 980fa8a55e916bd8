import { defineCommand } from "../command.ts";
import { laplaceOptions } from "../laplace/options.ts";
import { laplaceCommandResult } from "../laplace/result.ts";
import { runLaplace } from "../laplace/run.ts";
import { showLaplace } from "../laplace/show.ts";
import { writeReport } from "../report/writeReport.ts";

export const laplace = defineCommand({
  name: "laplace",
  summary: "Gives a trained model calibrated uncertainty without retraining, and says when to leave it alone.",
  options: laplaceOptions,
  positionals: ["model"],
  result: laplaceCommandResult,
  examples: [
    "hessonite laplace model.onnx --train train.npz --held-out test.npz --likelihood categorical -o uncertain.onnx",
    "hessonite laplace model.onnx --train train.npz --likelihood gaussian --structure full --weights last-layer",
  ],
  async run(options, context) {
    const result = await runLaplace(options, context);
    if (options.report) {
      const { laplaceReport } = await import("../laplace/report.ts"); // only a report needs the chart library
      await writeReport(options.report, laplaceReport(result), context.note);
    }
    return { result };
  },
  show: showLaplace,
});
