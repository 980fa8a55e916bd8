/** What `hessonite check` is told. */
import { z } from "zod";
import { dataOptions } from "../options/data.ts";
import { engineOptions } from "../options/engine.ts";
import { lossOptions } from "../options/loss.ts";
import { modelOptions } from "../options/model.ts";

export const checkOptions = z.object({
  ...modelOptions,
  ...lossOptions,
  loss: lossOptions.loss.default("mse"),
  data: dataOptions.data.optional().describe("a data file, of which one batch is used; random data unless said"),
  target: dataOptions.target,
  mask: dataOptions.mask,
  scale: dataOptions.scale,
  batch: z.int().positive().default(2).describe("rows"),
  dims: z.array(z.string()).optional().describe("lengths of named dimensions: sequence=32"),
  ...engineOptions,
  seed: z.int().default(0).describe("of data, targets and direction"),
  referenceFlops: z
    .number()
    .default(2e9)
    .describe("floating-point operations up to which the reference engine is run beside"),
});

export type CheckOptions = z.output<typeof checkOptions>;
