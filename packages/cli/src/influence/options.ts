/** What `hessonite influence` is told. */
import { z } from "zod";
import { dataFileOptions } from "../options/datasetFile.ts";
import { engineOptions } from "../options/engine.ts";
import { lossOptions } from "../options/loss.ts";
import { memoryOptions } from "../options/memory.ts";
import { modelOptions } from "../options/model.ts";
import { rowRange } from "../schema/rowRange.ts";
import { shard } from "../schema/shard.ts";

/** `auto`, a number, or a factor of the mean eigenvalue: `0.1x`. */
const damping = z
  .union([z.number(), z.string()])
  .transform((given, context): "auto" | number | { meanFraction: number } => {
    if (given === "auto") return given;
    const [, number = "", factor] = /^([\d.]+(?:e[-+]?\d+)?)(x?)$/i.exec(String(given)) ?? [];
    const value = Number(number);
    if (number !== "" && value > 0) return factor ? { meanFraction: value } : value;
    context.addIssue({
      code: "custom",
      message: "auto, a positive number, or a factor of the mean eigenvalue such as 0.1x",
    });
    return z.NEVER;
  });

export const influenceOptions = z.object({
  model: modelOptions.model,
  checkpoints: z.array(z.string()).optional().describe("further checkpoints of the model, whose scores are averaged"),
  train: z.string().describe("training data: npz, npy, safetensors or csv; arrays named like the model's inputs, or x"),
  query: z.string().optional().describe("data to explain, of the same form; not needed with --self"),
  ...dataFileOptions,
  batchSize: z.int().positive().default(64).describe("rows at once"),
  trainRows: rowRange.optional().describe("training rows to use: 64 for the first 64, or 100:200"),
  queryRows: rowRange.optional().describe("query rows to use"),
  parameters: modelOptions.parameters,
  output: modelOptions.output,
  ...lossOptions,
  measurement: z
    .string()
    .optional()
    .describe(
      "asked of the queries instead of their loss: logit or margin (both with a minus sign, so that positive stays helpful), prediction, or an ONNX file (prediction, target) to terms",
    ),
  aggregate: z
    .enum(["none", "sum", "mean"])
    .default("none")
    .describe("each query by itself, or all as one: their sum or mean"),
  strategy: z
    .enum(["identity", "diagonal", "kfac", "ekfac", "block-ggn", "ggn"])
    .default("ekfac")
    .describe("how the inverse curvature is approximated"),
  fisher: z
    .enum(["type-2", "mc", "empirical"])
    .optional()
    .describe(
      "labels in the curvature: expected exactly, drawn, or as given; type-2 up to 128 classes × positions, else mc",
    ),
  samples: z.int().positive().optional().describe("mc: labels drawn for each prediction"),
  seed: z.int().nonnegative().default(0).describe("mc: seed of the drawn labels"),
  groups: z
    .enum(["exact", "average"])
    .default("exact")
    .describe(
      "grouped convolutions: a block for each group, or inputs averaged over the groups, as the reference library has them",
    ),
  damping: damping
    .optional()
    .describe(
      "auto (by evidence), a number, or a factor of the mean eigenvalue such as 0.1x; auto unless the matrix is exact",
    ),
  inversion: z
    .enum(["tikhonov", "pseudo-inverse", "factored"])
    .default("tikhonov")
    .describe("how eigenvalues are inverted"),
  detail: z
    .enum(["sum", "module", "token"])
    .default("sum")
    .describe("one score a training row, by module, or by token"),
  queryRank: z
    .int()
    .positive()
    .optional()
    .describe("approximate each query's gradient of a layer by this rank: less memory, faster; exact unless said"),
  self: z.boolean().default(false).describe("also each training row's influence on itself"),
  sumBy: z
    .string()
    .optional()
    .describe(
      "sum scores by source: an array of the training file with a number a row, or a .txt file with a line a row",
    ),
  ids: z
    .string()
    .optional()
    .describe("names of the training rows: an array of their file, or a .txt file with a line a row"),
  queryIds: z.string().optional().describe("names of the queries, likewise"),
  raw: z.boolean().default(false).describe("the reference library's scale: not divided by the number of rows"),
  shard: shard
    .optional()
    .describe("work on one part of the training batches, such as 2/8; influence reduce adds up the scores"),
  stage: z
    .enum(["factors", "eigenvalues", "scores"])
    .default("scores")
    .describe("with --shard and --cache, one after the other: the curvature's two sums, then the scores"),
  top: z.int().positive().default(5).describe("helpful and harmful rows that are named for each query"),
  topOnly: z.boolean().default(false).describe("store the named rows alone, not the matrix of all scores"),
  vocabulary: z.string().optional().describe("text file with a token a line, to show rows of tokens as text"),
  cache: z.string().optional().describe("folder that keeps curvature and scores: a run that was stopped goes on there"),
  ...memoryOptions,
  ...engineOptions,
  out: z.string().optional().describe("write the scores to this file as they come: npz or safetensors"),
  report: z.string().optional().describe("write an HTML report to this file"),
});

export type InfluenceOptions = z.output<typeof influenceOptions>;
