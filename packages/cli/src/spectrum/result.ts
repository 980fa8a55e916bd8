/** What `hessonite spectrum` finds out: the spectrum, or with --dry-run what it would cost. */
import { z } from "zod";
import { subjectSchema } from "../operator/subject.ts";

const number = z.number().nullable().describe("null where it is not finite");

const eigenvalues = z.object({
  values: z.array(z.number()),
  residuals: z.array(z.number()).describe("‖A v − λ v‖ of each pair"),
  outcome: z.string(),
  products: z.int(),
});

export const measuredSpectrum = z.object({
  kind: z.literal("spectrum"),
  ...subjectSchema,
  lossValue: number,
  accuracy: z.number().nullable(),
  gradientNorm: number,
  parameters: z.array(
    z.object({ name: z.string(), shape: z.array(z.int()), count: z.int(), norm: z.number(), gradientNorm: z.number() }),
  ),
  largest: eigenvalues.nullable(),
  smallest: eigenvalues.nullable(),
  trace: z.object({ mean: z.number(), standardError: z.number(), products: z.int() }).nullable(),
  density: z
    .object({
      grid: z.array(z.number()),
      density: z.array(z.number()),
      standardError: z.array(z.number()),
      width: z.number().describe("standard deviation of the Gaussian that each eigenvalue is drawn as"),
      products: z.int(),
    })
    .nullable()
    .describe("of the eigenvalues, integrating to 1"),
  seconds: z.record(z.string(), z.number()).describe("by stage"),
});

export const spectrumPlan = z.object({
  kind: z.literal("plan"),
  ...subjectSchema,
  stages: z.array(
    z.object({ stage: z.string(), products: z.int(), flops: z.number(), seconds: z.number(), estimated: z.boolean() }),
  ),
  gradients: z.int(),
  products: z.int().describe("of one vector with the operator, over all batches"),
  flops: z.number(),
  flopsPerProduct: z.number(),
  flopsPerGradient: z.number(),
  peakBytes: z
    .number()
    .describe("values live at once, kept residuals and Krylov bases; the runtime itself not counted"),
  seconds: z.number().describe("from the speed of a matrix product measured now"),
});

export const spectrumResult = z.discriminatedUnion("kind", [measuredSpectrum, spectrumPlan]);

export type MeasuredSpectrum = z.output<typeof measuredSpectrum>;
export type SpectrumPlan = z.output<typeof spectrumPlan>;
export type SpectrumResult = z.output<typeof spectrumResult>;
export type Eigenvalues = z.output<typeof eigenvalues>;
