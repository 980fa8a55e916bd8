import { defineCommand } from "../command.ts";
import { conformanceOptions } from "../conformance/options.ts";
import { conformanceResult } from "../conformance/result.ts";
import { runConformance } from "../conformance/run.ts";
import { showConformance } from "../conformance/show.ts";

export const conformance = defineCommand({
  name: "conformance",
  summary: "Compares every value of conformance cases with what is computed here; fails if one is off.",
  options: conformanceOptions,
  positionals: ["folders"],
  result: conformanceResult,
  examples: ["hessonite conformance cases/", "hessonite conformance cases/mlp_ce_mean --engine reference"],
  async run(options, context) {
    const result = await runConformance(options, context);
    return { result, failed: result.failed > 0 || result.passed === 0 };
  },
  show: showConformance,
});
