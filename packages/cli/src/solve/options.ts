/** What `hessonite solve` is told. */
import { z } from "zod";
import { arrayFile } from "../estimate/arrays.ts";
import { subjectOptions } from "../operator/options.ts";
import { operatorHelp, optionalOperator } from "../operator/text.ts";

export const solveOptions = z.object({
  ...subjectOptions,
  rhs: z
    .string()
    .default("gradient")
    .describe(
      "right-hand side: gradient, or a file of arrays named like the parameters, or of one array [P] or [K, P]",
    ),
  damping: z.number().nonnegative().default(1e-3).describe("δ: solves (A + δ I) x = b"),
  method: z
    .enum(["auto", "cg", "minres", "lsmr", "neumann"])
    .default("auto")
    .describe("auto: the matrix's own inverse where it has one, else what its structure allows"),
  rule: z
    .enum(["exact", "factored", "heuristic"])
    .default("exact")
    .describe("how Kronecker products are damped where they have their own inverse"),
  precondition: optionalOperator().describe(
    `cg, minres: an operator whose damped inverse preconditions; ${operatorHelp}`,
  ),
  tolerance: z.number().positive().default(1e-6).describe("residual, relative to the right-hand side"),
  maxIterations: z
    .int()
    .positive()
    .optional()
    .describe("iterations a row at most; twice the matrix's side unless said"),
  out: arrayFile.optional().describe("write the solution to this file, .npz or .safetensors: an array a parameter"),
});

export type SolveOptions = z.output<typeof solveOptions>;
