/** What `hessonite influence` finds out. The scores themselves go to the file of --out. */
import { z } from "zod";
import { fileIdentitySchema } from "../options/fileIdentity.ts";

const ranked = z.array(
  z.object({
    row: z.int().describe("number in the training file"),
    id: z.string().optional().describe("as --ids names it"),
    score: z.number(),
    standardError: z.number().optional().describe("over checkpoints"),
  }),
);

export const influenceCommandResult = z.object({
  kind: z.literal("influence"),
  model: fileIdentitySchema,
  checkpoints: z.array(fileIdentitySchema),
  train: z.object({ ...fileIdentitySchema.shape, rows: z.int(), firstRow: z.int() }),
  query: z.object({ ...fileIdentitySchema.shape, rows: z.int(), firstRow: z.int() }).nullable(),
  units: z.string(),
  measurement: z.string(),
  strategy: z.string(),
  damping: z.array(
    z.object({
      name: z.string(),
      damping: z.number(),
      effectiveParameters: z.number().nullable().describe("γ of the evidence; null where damping was not chosen by it"),
      curve: z
        .array(z.object({ regulariser: z.number(), value: z.number() }))
        .describe("log evidence around the choice"),
    }),
  ),
  solve: z
    .object({ outcome: z.string(), iterations: z.int(), residual: z.number(), products: z.int() })
    .nullable()
    .describe("how well systems were solved; null where none were"),
  queries: z
    .array(z.object({ row: z.int().nullable(), id: z.string().optional(), helpful: ranked, harmful: ranked }))
    .describe("row is null where all queries were taken as one"),
  sources: z
    .array(z.object({ source: z.string(), meanScore: z.number() }))
    .nullable()
    .describe("by the sum of their rows' scores, mean over queries, largest first; null unless --sum-by"),
  self: ranked.nullable().describe("the rows with the largest influence on themselves; null unless asked for"),
  histogram: z.object({ edges: z.array(z.number()), counts: z.array(z.int()) }).nullable(),
  notes: z.array(z.string()),
  scores: z.string().nullable().describe("the file that holds them"),
  settings: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
  seconds: z.record(z.string(), z.number()),
});

export type InfluenceCommandResult = z.output<typeof influenceCommandResult>;
