/** What `hessonite conformance` finds out. */
import { z } from "zod";

export const conformanceResult = z.object({
  keys: z.array(
    z.object({
      case: z.string(),
      engine: z.string(),
      key: z.string(),
      error: z.number().nullable().describe("relative 2-norm; null where it is not finite"),
      tolerance: z.number(),
      passed: z.boolean(),
    }),
  ),
  broken: z
    .array(z.object({ case: z.string(), engine: z.string(), message: z.string() }))
    .describe("cases that did not run"),
  passed: z.int(),
  failed: z.int(),
});

export type ConformanceResult = z.output<typeof conformanceResult>;
