/** What `hessonite laplace` finds out. */
import { laplaceResult as plugin } from "@hessonite/laplace";
import { z } from "zod";
import { fileIdentitySchema } from "../options/fileIdentity.ts";

export const laplaceCommandResult = z.object({
  kind: z.literal("laplace"),
  model: fileIdentitySchema,
  train: fileIdentitySchema.nullable(),
  ...plugin.shape,
  settings: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
  seconds: z.number(),
});

export type LaplaceCommandResult = z.output<typeof laplaceCommandResult>;
