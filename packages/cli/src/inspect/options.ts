/** What `hessonite inspect` is told. */
import { z } from "zod";
import { modelOptions } from "../options/model.ts";

export const inspectOptions = z.object({
  ...modelOptions,
  batch: z.int().positive().default(2).describe("rows to bind the model at"),
  dims: z.array(z.string()).optional().describe("lengths of named dimensions: sequence=32"),
  graph: z.boolean().default(false).describe("print the bound graph of core operators"),
});

export type InspectOptions = z.output<typeof inspectOptions>;
