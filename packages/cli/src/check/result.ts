/** What `hessonite check` finds out. */
import { z } from "zod";
import { fileIdentitySchema } from "../options/fileIdentity.ts";

export const checkResult = z.object({
  file: fileIdentitySchema,
  output: z.string(),
  loss: z.string(),
  data: z.string(),
  seed: z.int(),
  boundAt: z.record(z.string(), z.array(z.int())).describe("input shapes"),
  parameters: z.int().describe("entries of all parameters"),
  comparisons: z.array(
    z.object({
      engine: z.string(),
      quantity: z.enum(["loss", "gradient", "hessian", "ggn"]),
      against: z
        .enum(["differences", "reference", "piece"])
        .describe("central differences; the reference engine; the smooth piece that the differences are taken of"),
      error: z.number().nullable().describe("relative, 2-norm; null where it is not finite"),
      tolerance: z.number(),
      passed: z.boolean(),
      step: z.number().nullable().describe("the best one, relative to the parameters' size"),
      worst: z.string().nullable().describe("the parameter with the largest part of the error"),
    }),
  ),
  passed: z.boolean(),
  decisions: z.int().describe("kinks, largest elements and branches in the program"),
  kinks: z.int().describe("decisions that differ between the ends of the largest step"),
  masked: z.object({ entries: z.int(), of: z.int() }).describe("entries of the output that stand for −∞, held at 0"),
  reference: z.object({ flops: z.number(), limit: z.number(), ran: z.boolean() }),
});

export type CheckResult = z.output<typeof checkResult>;
