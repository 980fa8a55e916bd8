/** What `hessonite export` is told. */
import { portableOperators } from "@hessonite/core";
import { z } from "zod";
import { lossOptions } from "../options/loss.ts";
import { modelOptions } from "../options/model.ts";

export const exportOptions = z.object({
  ...modelOptions,
  ...lossOptions,
  operator: z.enum(portableOperators).describe("which curvature matrix the product is with"),
  batch: z.int().positive().default(32).describe("rows that the file takes; a mean is over them"),
  dims: z.array(z.string()).optional().describe("lengths of named dimensions: sequence=32"),
  k: z.int().positive().optional().describe("vectors at once: v is [K, P]; [P] unless said"),
  out: z.string().describe("the file to write"),
  external: z.boolean().default(false).describe("write the weights to OUT.data beside the file"),
});

export type ExportOptions = z.output<typeof exportOptions>;
