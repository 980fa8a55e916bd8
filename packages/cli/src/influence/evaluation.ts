/** What `hessonite influence evaluate` is told, and what it finds out. */
import { z } from "zod";
import { dataFileOptions } from "../options/datasetFile.ts";
import { engineOptions } from "../options/engine.ts";
import { lossOptions } from "../options/loss.ts";
import { modelOptions } from "../options/model.ts";
import { rowRange } from "../schema/rowRange.ts";

/** What training again takes. */
const trainingOptions = {
  model: z.string().optional().describe("removal: the model that the scores are of"),
  initial: z.string().optional().describe("removal: the model to start training at; --model, as it is, unless said"),
  train: z.string().optional().describe("removal: the training data"),
  query: z.string().optional().describe("removal: the queries"),
  ...dataFileOptions,
  batchSize: z.int().positive().default(64).describe("removal: rows a step of training"),
  trainRows: rowRange.optional().describe("removal: training rows that the scores are of"),
  queryRows: rowRange.optional().describe("removal: query rows that the scores are of"),
  parameters: modelOptions.parameters,
  ...lossOptions,
  loss: lossOptions.loss.optional().describe("removal: what the model is trained on"),
  optimizer: z.enum(["adam", "sgd"]).default("adam").describe("removal: sgd has momentum 0.9"),
  learningRate: z.number().positive().default(1e-3).describe("removal: of every step"),
  weightDecay: z.number().nonnegative().default(0).describe("removal: as the model was trained with"),
  epochs: z.int().positive().default(20).describe("removal: passes over the rows that stay"),
  removalQueries: z.int().positive().default(10).describe("removal: queries, evenly spread; each is one training"),
  draws: z.int().positive().default(3).describe("removal: random removals to compare with; each is one training"),
  ...engineOptions,
};

export const evaluateOptions = z.object({
  scores: z.string().describe("file of scores, as influence --out writes it"),
  retraining: z
    .string()
    .optional()
    .describe("npz file: masks [subsets, rows], losses [seeds, subsets, queries]: the linear datamodeling score"),
  removals: z
    .string()
    .optional()
    .describe("npz file: removed [k] row numbers, changes [k, queries] of the losses: leave-one-out correlation"),
  marked: z
    .string()
    .optional()
    .describe("npy or npz file, array x: not 0 for each wrong row: how well self-influence tells them apart"),
  removal: z
    .int()
    .positive()
    .optional()
    .describe("take so many of a query's most helpful rows away, train again, and compare with random removals"),
  ...trainingOptions,
  report: z.string().optional().describe("write an HTML report to this file"),
  resamples: z.int().positive().default(1000).describe("bootstrap resamples"),
  seed: z.int().nonnegative().default(0).describe("seed of the bootstrap, of random removals and of training"),
});
export type EvaluateOptions = z.output<typeof evaluateOptions>;

const resampled = z.object({ standardError: z.number(), interval: z.tuple([z.number(), z.number()]) });

export const evaluation = z.object({
  kind: z.literal("influence evaluation"),
  queries: z.int().nullable(),
  rows: z.int().nullable(),
  subsets: z.int().nullable(),
  seeds: z.int().nullable(),
  score: z.number().nullable().describe("linear datamodeling score; null without --retraining"),
  overQueries: resampled.nullable(),
  overSubsets: resampled.nullable(),
  ceiling: z
    .object({ betweenSeeds: z.number(), reliability: z.number(), score: z.number() })
    .nullable()
    .describe("what a perfect predictor would reach; null with one seed"),
  perQuery: z.array(z.number()),
  leaveOneOut: z
    .object({ removed: z.int(), correlation: z.number(), rankCorrelation: z.number() })
    .nullable()
    .describe("null without --removals"),
  topRemoval: z
    .object({
      removed: z.int().describe("rows that were taken away"),
      draws: z.int(),
      epochs: z.int(),
      start: z.string().describe("the model that training started at"),
      top: z.number().describe("what a query's loss rises by without its most helpful rows, mean over queries"),
      random: z.number().describe("without as many random rows"),
      standardError: z.number().nullable().describe("of the difference, over queries; null with one"),
      wins: z.number().describe("share of queries whose loss rises more without their most helpful rows"),
      perQuery: z.array(z.object({ query: z.int(), top: z.number(), random: z.number() })),
    })
    .nullable()
    .describe("null without --removal"),
  marked: z
    .object({ rows: z.int(), areaUnderCurve: z.number() })
    .nullable()
    .describe("of the ROC curve by self-influence; null without --marked"),
});
export type Evaluation = z.output<typeof evaluation>;
