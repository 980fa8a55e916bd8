import { defineCommand } from "../command.ts";
import { pruneOptions } from "../prune/options.ts";
import { pruneCommandResult } from "../prune/result.ts";
import { runPrune } from "../prune/run.ts";
import { showPrune } from "../prune/show.ts";
import { writeReport } from "../report/writeReport.ts";

export const prune = defineCommand({
  name: "prune",
  summary: "Makes a trained model smaller, with the loss that costs known beforehand.",
  options: pruneOptions,
  positionals: ["model"],
  result: pruneCommandResult,
  examples: [
    "hessonite prune model.onnx --data calibration.npz --loss cross-entropy --max-drop 0.5% -o small.onnx --report report.html",
    "hessonite prune model.onnx --data calibration.npz --loss mse --sparsity 90% --compare magnitude,wanda,obc",
    "hessonite prune model.onnx --data calibration.npz --loss cross-entropy --granularity channel --max-drop 0.5% --compare magnitude,kfac,fisher -o small.onnx",
    "hessonite prune model.onnx --data calibration.npz --loss cross-entropy --granularity layer --budget bytes --sparsity 25% -o small.onnx",
  ],
  async run(options, context) {
    const result = await runPrune(options, context);
    if (options.report) {
      const { pruneReport } = await import("../prune/report.ts"); // only a report needs the chart library
      await writeReport(options.report, pruneReport(result), context.note);
    }
    return { result, failed: result.met === false };
  },
  show: showPrune,
});
