/** What `hessonite export` has written. */
import { z } from "zod";
import { fileIdentitySchema } from "../options/fileIdentity.ts";

export const exportResult = z.object({
  file: fileIdentitySchema,
  operator: z.string(),
  loss: z.string(),
  reduction: z.string(),
  size: z.int().describe("P, the length of a vector"),
  inputs: z.array(z.object({ name: z.string(), dtype: z.string(), shape: z.array(z.int()) })),
  output: z.object({ name: z.string(), shape: z.array(z.int()) }),
  parameters: z.array(z.object({ name: z.string(), shape: z.array(z.int()), offset: z.int(), size: z.int() })),
});

export type ExportResult = z.output<typeof exportResult>;
