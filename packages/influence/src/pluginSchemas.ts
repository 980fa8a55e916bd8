/** What the influence plugin takes and gives. */
import { lossSpec } from "@hessonite/core";
import { z } from "zod";
import { aggregations } from "./aggregate.ts";
import { measurements } from "./measurement.ts";
import { inversions } from "./options.ts";

export const dampingSpec = z
  .union([z.literal("auto"), z.number().positive(), z.strictObject({ meanFraction: z.number().positive() })])
  .describe("auto, a number, or a fraction of the mean eigenvalue");

const positive = z.number().nonnegative();
export const blockSchema = z.object({
  name: z.string(),
  damping: positive,
  evidence: z
    .object({
      regulariser: positive,
      outcome: z.string(),
      effectiveParameters: z.number().optional(),
      curve: z.array(z.object({ regulariser: z.number(), value: z.number() })),
    })
    .optional(),
});

const scoresSchema = z.custom<Float64Array>(
  (value) => value instanceof Float64Array && value.every(Number.isFinite),
  "expected finite scores",
);

const ranked = z.array(z.object({ row: z.int().nonnegative(), score: z.number() }));

export const influenceResult = z.object({
  rows: z.int().positive().describe("training rows"),
  queries: z.int().nonnegative(),
  positions: z.int().positive().describe("scores a training row: its tokens, or 1"),
  scores: z
    .array(scoresSchema)
    .describe("[queries, rows, positions]; one, or one for each module; none where they went elsewhere"),
  standardErrors: z.array(scoresSchema).describe("of the mean over checkpoints, for each of `scores`"),
  scoresFile: z.string().optional().describe("the file that holds them instead"),
  top: z
    .array(z.object({ helpful: ranked, harmful: ranked }))
    .optional()
    .describe("for each query"),
  sources: z
    .object({ names: z.array(z.string()), scores: scoresSchema.describe("[queries, sources]") })
    .optional()
    .describe("scores summed over the rows of each source"),
  self: scoresSchema.optional().describe("[rows]"),
  modules: z.array(z.string()).optional(),
  units: z.enum([
    "change of the query's loss when the row is removed",
    "change of the query's measurement when the row is removed",
    "raw",
  ]),
  measurement: z.string(),
  strategy: z.string().describe("kind of the curvature"),
  checkpoints: z.int().positive(),
  damping: z.array(blockSchema),
  solve: z.object({ outcome: z.string(), iterations: z.int(), residual: z.number(), products: z.int() }).optional(),
  notes: z.array(z.string()),
  seconds: z.record(z.string(), z.number()),
});

export type InfluenceResult = z.output<typeof influenceResult>;

const measurementSpec = z
  .union([
    z.enum(measurements),
    z.strictObject({ graph: z.string().min(1).describe("ONNX file: (prediction, target) to terms") }),
    lossSpec,
  ])
  .describe("what is asked of the queries; the loss unless said. Logit and margin count with a minus sign");

export const influenceOptions = z.object({
  loss: lossSpec.describe("what the model was trained on"),
  measurement: measurementSpec.optional(),
  parameters: z.array(z.string()).optional().describe("names or globs of initializers; all weights unless said"),
  output: z.string().optional().describe("the output that is the prediction; the first of float type unless said"),
  damping: dampingSpec.optional(),
  inversion: z.enum(inversions).default("tikhonov").describe("how eigenvalues are inverted"),
  detail: z.enum(["sum", "module", "token"]).default("sum").describe("scores summed, by module or by token"),
  aggregate: z.enum(aggregations).default("none").describe("queries apart, or as one: their sum or mean"),
  queryRank: z.int().positive().optional().describe("approximates each query's gradient of a layer by this rank"),
  self: z.boolean().default(false).describe("also each training row's influence on itself"),
  top: z.int().positive().optional().describe("keep only so many helpful and harmful rows of each query"),
  sources: z
    .union([z.string().min(1), z.array(z.string())])
    .optional()
    .describe("sum scores by source: array of the training file, text file with a line a row, or a list"),
  scoresFile: z.string().optional().describe("write the scores to this npz or safetensors file as they come"),
  shard: z
    .strictObject({
      index: z.int().positive(),
      of: z.int().positive(),
      stage: z.enum(["factors", "eigenvalues", "scores"]).default("scores"),
    })
    .refine(({ index, of }) => index <= of, "expected a shard from 1 to how many there are")
    .optional()
    .describe("work on this part of the training batches alone: the shards add up"),
  raw: z.boolean().default(false).describe("the reference library's scale: not divided by the number of rows"),
});
