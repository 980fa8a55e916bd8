import { defineCommand } from "../command.ts";
import { exportProduct as run } from "../export/export.ts";
import { exportOptions } from "../export/options.ts";
import { exportResult } from "../export/result.ts";
import { showExport } from "../export/show.ts";

export const exportProduct = defineCommand({
  name: "export",
  summary: "Writes the product with a curvature matrix as one ONNX file that any ONNX Runtime runs.",
  options: exportOptions,
  positionals: ["model"],
  result: exportResult,
  examples: ["hessonite export model.onnx --operator hessian --loss cross-entropy --batch 32 -o hvp.onnx"],
  run: async (options) => ({ result: await run(options) }),
  show: showExport,
});
