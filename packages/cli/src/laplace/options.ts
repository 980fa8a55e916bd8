/** What `hessonite laplace` is told. */
import { laplaceOptions as plugin } from "@hessonite/laplace";
import { z } from "zod";
import { dataFileOptions } from "../options/datasetFile.ts";
import { engineOptions } from "../options/engine.ts";
import { memoryOptions } from "../options/memory.ts";
import { modelOptions } from "../options/model.ts";
import { rowRange } from "../schema/rowRange.ts";

const { weights: _, ...choices } = plugin.shape;

export const laplaceOptions = z.object({
  model: modelOptions.model,
  train: z
    .string()
    .optional()
    .describe("what the model was trained on: npz, npy, safetensors or csv; rows to add, where a fit is given"),
  heldOut: z.string().optional().describe("rows it was not trained on: half to choose by, half to report on"),
  other: z.string().optional().describe("rows of another kind, which the uncertainty should tell apart"),
  ...dataFileOptions,
  batchSize: z.int().positive().default(256).describe("rows at once"),
  trainRows: rowRange.optional().describe("training rows to use: 64 for the first 64, or 100:200"),
  heldOutRows: rowRange.optional().describe("held-out rows to use"),
  otherRows: rowRange.optional().describe("rows of another kind to use"),
  weights: z
    .array(z.string())
    .default(["auto"])
    .describe("which weights are uncertain: auto (all as far as there is room), all, last-layer, or names and globs"),
  ...choices,
  ...memoryOptions,
  ...engineOptions,
  report: z.string().optional().describe("write an HTML report to this file"),
});

export type LaplaceOptions = z.output<typeof laplaceOptions>;
