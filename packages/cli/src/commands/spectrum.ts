import { defineCommand } from "../command.ts";
import { writeReport } from "../report/writeReport.ts";
import { measureSpectrum } from "../spectrum/measure.ts";
import { spectrumOptions } from "../spectrum/options.ts";
import { planSpectrum } from "../spectrum/plan.ts";
import { spectrumResult } from "../spectrum/result.ts";
import { showSpectrum } from "../spectrum/show.ts";

export const spectrum = defineCommand({
  name: "spectrum",
  summary: "Measures loss, gradient, eigenvalues, trace and spectral density of a curvature matrix.",
  options: spectrumOptions,
  positionals: ["model"],
  result: spectrumResult,
  examples: [
    "hessonite spectrum model.onnx --data data.npz --loss cross-entropy --report report.html",
    "hessonite spectrum model.onnx --data data.npz --loss mse --operator hessian --eigenvalues 10 --dry-run",
  ],
  async run(options, { signal, progress, note }) {
    if (options.dryRun) return { result: await planSpectrum(options, signal) };
    const result = await measureSpectrum(options, { signal, progress, note });
    if (options.report) {
      const { spectrumReport } = await import("../spectrum/report.ts"); // only a report needs the chart library
      await writeReport(options.report, spectrumReport(result), note);
    }
    return { result };
  },
  show: showSpectrum,
});
