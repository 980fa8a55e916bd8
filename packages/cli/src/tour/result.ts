/** What `hessonite tour` finds out beside its pictures. */
import { z } from "zod";
import { subjectSchema } from "../operator/subject.ts";

const { operator: _, ...subject } = subjectSchema;

export const tourResult = z.object({
  ...subject,
  parameters: z.array(z.object({ name: z.string(), offset: z.int(), count: z.int() })),
  matrices: z.array(
    z.object({
      operator: z.string(),
      trace: z.number(),
      norm: z.number().describe("Frobenius"),
      largest: z.number().describe("eigenvalue"),
      smallest: z.number().describe("eigenvalue"),
      rank: z.int().describe("eigenvalues above a millionth of the largest in absolute value"),
      fromGgn: z.number().describe("‖X − G‖ / ‖G‖, Frobenius, G the Gauss–Newton matrix"),
      fromBlocks: z.number().describe("the same against the layers' blocks of G, zero elsewhere"),
      seconds: z.number(),
    }),
  ),
  report: z.string(),
});

export type TourResult = z.output<typeof tourResult>;
