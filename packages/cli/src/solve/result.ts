/** What `hessonite solve` finds out. */
import { z } from "zod";
import { subjectSchema } from "../operator/subject.ts";

export const solveResult = z.object({
  ...subjectSchema,
  damping: z.number(),
  method: z.string().describe("the iterative method, or the matrix's own inverse"),
  preconditioner: z.string().nullable(),
  outcome: z
    .enum(["exact", "converged", "least squares", "iteration limit", "breakdown"])
    .describe("the worst of the rows'; anything but exact and converged is exit code 1"),
  iterations: z.int(),
  products: z.int(),
  rows: z.array(
    z.object({
      outcome: z.string(),
      iterations: z.int(),
      residual: z.number().describe("‖b − (A + δ I) x‖ / ‖b‖, computed from the solution"),
      norm: z.number().describe("‖x‖"),
      history: z.array(z.number()).describe("the residual as the method's recurrence has it; empty for an own inverse"),
    }),
  ),
  file: z.string().nullable(),
});

export type SolveResult = z.output<typeof solveResult>;
