/** What `hessonite prune` is told. */
import { methodChoices, pruneOptions as plugin } from "@hessonite/prune";
import { z } from "zod";
import { dataFileOptions } from "../options/datasetFile.ts";
import { engineOptions } from "../options/engine.ts";
import { lossOptions } from "../options/loss.ts";
import { modelOptions } from "../options/model.ts";
import { percent } from "../schema/percent.ts";
import { rowRange } from "../schema/rowRange.ts";

const { sparsity: _, maxDrop: __, compare: ___, ...choices } = plugin.shape;

export const pruneOptions = z.object({
  model: modelOptions.model,
  data: z.string().describe("calibration rows: npz, npy, safetensors or csv"),
  heldOut: z
    .string()
    .optional()
    .describe("labelled rows to choose and measure by; every fifth calibration row unless given"),
  ...dataFileOptions,
  batchSize: z.int().positive().default(64).describe("rows at once"),
  rows: rowRange.optional().describe("calibration rows to use: 64 for the first 64, or 100:200"),
  heldOutRows: rowRange.optional().describe("held-out rows to use"),
  ...lossOptions,
  sparsity: percent
    .optional()
    .describe("share of the weights to remove, or of the budget, 0.9 or 90%; with n:m the pattern says it"),
  maxDrop: percent
    .optional()
    .describe(
      "largest drop accepted: 0.5% is half a point of accuracy, or of the dense loss where nothing is classified",
    ),
  compare: z
    .array(z.string())
    .optional()
    .describe(`methods to run beside it; the best within the drop is written: ${methodChoices.join(", ")}`),
  ...choices,
  ...engineOptions,
  report: z.string().optional().describe("write an HTML report to this file"),
});

export type PruneOptions = z.output<typeof pruneOptions>;
