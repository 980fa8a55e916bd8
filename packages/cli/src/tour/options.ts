/** What `hessonite tour` is told. */
import { z } from "zod";
import { problemOptions } from "../operator/options.ts";

export const tourOptions = z.object({
  ...problemOptions,
  fisherSamples: z
    .int()
    .positive()
    .default(1)
    .describe("labels drawn for each prediction of the sampled Fisher matrix"),
  seed: z.int().nonnegative().default(0).describe("seed of the drawn labels"),
  most: z.int().positive().default(1200).describe("parameters at most: every matrix is computed entry by entry"),
  decades: z
    .number()
    .positive()
    .default(6)
    .describe("powers of ten that the colours span, down from the largest entry"),
  report: z.string().default("hessonite-tour.html").describe("the HTML report to write"),
});

export type TourOptions = z.output<typeof tourOptions>;
