import { defineCommand } from "../command.ts";
import { writeReport } from "../report/writeReport.ts";
import { tourOptions } from "../tour/options.ts";
import { tourReport } from "../tour/report.ts";
import { tourResult } from "../tour/result.ts";
import { runTour } from "../tour/run.ts";
import { showTour } from "../tour/show.ts";

export const tour = defineCommand({
  name: "tour",
  summary: "Draws Hessian, Gauss-Newton, Fisher matrices, KFAC and EKFAC of a small model side by side.",
  options: tourOptions,
  positionals: ["model"],
  result: tourResult,
  examples: ["hessonite tour small.onnx --data data.npz --loss cross-entropy --report tour.html"],
  async run(options, { signal, progress, note }) {
    const tour = await runTour(options, { signal, progress, note });
    await writeReport(options.report, tourReport(tour, options.decades), note);
    return { result: tour.result };
  },
  show: showTour,
});
