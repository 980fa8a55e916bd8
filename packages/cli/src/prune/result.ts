/** What `hessonite prune` finds out. */
import { pruneResult as plugin } from "@hessonite/prune";
import { z } from "zod";
import { fileIdentitySchema } from "../options/fileIdentity.ts";

export const pruneCommandResult = z.object({
  kind: z.literal("prune"),
  model: fileIdentitySchema,
  data: fileIdentitySchema,
  ...plugin.shape,
  settings: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
  seconds: z.number(),
});

export type PruneCommandResult = z.output<typeof pruneCommandResult>;
