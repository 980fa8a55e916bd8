/** Which data. */
import { type Dataset, datasetFromFile, type OnnxModel } from "@hessonite/core";
import { z } from "zod";
import { fraction } from "../schema/fraction.ts";
import { rowRange } from "../schema/rowRange.ts";

export const dataOptions = {
  data: z.string().describe("npz, npy, safetensors or csv file; arrays named like the model's inputs, or x"),
  target: z.string().optional().describe("array of the target; y unless said"),
  weights: z.string().optional().describe("array of a weight for each row; none unless said"),
  mask: z
    .string()
    .optional()
    .describe("array that is 0 where a label does not count, as attention_mask; none unless said"),
  scale: fraction.optional().describe("factor for the inputs: 1/255, 0.5, or unit for integers' full range to 0..1"),
  batchSize: z.int().positive().default(64).describe("rows at once"),
  rows: rowRange.optional().describe("rows to use: 64 for the first 64, or 100:200"),
  checks: z.boolean().default(true).describe("skip the checks: finite data, repeatable results, independent rows"),
};

export type DataOptions = z.output<z.ZodObject<typeof dataOptions>>;

export function openData(options: DataOptions, model: OnnxModel, signal: AbortSignal): Promise<Dataset> {
  const { data, target, weights, mask, scale, batchSize, rows, checks } = options;
  const modelInputs = model.inputs.map(({ name, dtype, shape }) => ({
    name,
    dtype,
    ...(shape && { shape: shape.map((d) => (typeof d === "number" ? d : null)) }),
  }));
  return datasetFromFile(data, {
    modelInputs,
    target,
    weights,
    mask,
    scale,
    batchSize: batchFor(model, batchSize),
    rows,
    signal,
    ...(!checks && { nonFinite: "allow" as const }),
  });
}

/** A model that was exported with a fixed batch takes no larger one. */
function batchFor(model: OnnxModel, wanted: number): number {
  const fixed = model.inputs.map((port) => port.shape?.[0]).find((d) => typeof d === "number");
  return fixed === undefined ? wanted : Math.min(wanted, fixed);
}
