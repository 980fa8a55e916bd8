/** What a pruning run finds out. */
import { z } from "zod";

const number = z.number();
const share = z.number().min(0).max(1);

const measured = z.object({ loss: number, accuracy: share.nullable() });

const latency = z
  .array(z.object({ rows: z.int(), before: number, after: number, ratio: number }))
  .describe("median milliseconds of a run before and after, and the median of their ratios");

const point = z.object({
  sparsity: share.describe("share of the prunable weights that is 0"),
  zeros: z.int(),
  predicted: number.nullable().describe("loss foretold by the curvature, before a refit; null by magnitude"),
  ...measured.shape,
  drop: number.describe("of accuracy, as a share; of losses that do not classify the rise relative to the dense loss"),
});

export const methodResult = z.object({
  method: z.string(),
  curvature: z.string().describe("what the curvature was where the chosen level was made, with its damping"),
  points: z.array(point).describe("every level, ascending"),
  chosen: z
    .int()
    .nullable()
    .describe("the level to use, by its place among the points; null if none is within the drop"),
  layers: z
    .array(z.object({ name: z.string(), out: z.int(), in: z.int(), zeros: z.int() }))
    .describe("weights that are 0 at the chosen level, or at the first where none is"),
  costs: z
    .object({ edges: z.array(number), counts: z.array(z.int()) })
    .describe("histogram of log10 of the kept units' costs"),
  seconds: number,
});

export const pruneResult = z.object({
  granularity: z.string(),
  weights: z.int().describe("prunable weights"),
  dense: measured,
  judged: z
    .object({
      rows: z.int(),
      candidates: z
        .int()
        .describe("models of a level that these rows chose one from, at most; 1: they measured what others chose"),
    })
    .describe("held-out rows"),
  maxDrop: number.nullable(),
  met: z.boolean().nullable().describe("whether the drop was kept; null where none was given"),
  best: z.string().describe("the method whose model is written"),
  methods: z.array(methodResult),
  skipped: z
    .array(z.object({ name: z.string(), why: z.string() }))
    .describe("weights that cannot take the granularity"),
  out: z
    .object({
      file: z.string(),
      weights: z.string().nullish().describe("the second file of a packed model"),
      bytes: z.int().describe("of all its files"),
      before: z.int(),
      latency: latency.optional(),
    })
    .nullable(),
  rounded: z
    .object({
      bits: z.int(),
      layers: z.array(z.object({ name: z.string(), bits: z.int() })),
      predicted: number.nullable().describe("the pruned model's loss, and the rise that the GGN foretells"),
      ...measured.shape,
      drop: number.describe("from the dense model, with what pruning cost"),
    })
    .nullish()
    .describe("the model that is written, where its weights are rounded"),
  channels: z
    .object({
      before: z.object({ flops: number, parameters: number }),
      after: z.object({ flops: number, parameters: number }),
      latency,
    })
    .nullable()
    .describe("by channels: what became less; null otherwise"),
  notes: z.array(z.string()),
});

export type PruneResult = z.output<typeof pruneResult>;
export type MethodResult = z.output<typeof methodResult>;
