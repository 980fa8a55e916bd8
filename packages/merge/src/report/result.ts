/** What a merge reports, for programs and for the page. */
import { z } from "zod";
import { choiceNames } from "../job/choices.ts";

const lossByMethod = z.object({
  method: z.string(),
  losses: z.array(z.number()).describe("of each task, on its held-out rows, or on its data without them"),
  accuracies: z.array(z.number().nullable()),
  mean: z.number(),
  worst: z.number(),
  seconds: z.number(),
  notes: z.array(z.string()),
});

export const mergeResult = z.object({
  method: z.string(),
  tasks: z.array(z.string()),
  weights: z.array(z.number()).describe("α, adding up to 1"),
  parameters: z.array(z.string()),
  layers: z.array(z.string()).describe("parameters with one prefix are one layer"),
  notes: z.array(z.string()),
  judged: z.enum(["held-out", "data", "nothing"]).describe("which rows the losses are of"),
  damping: z
    .object({
      relative: z.number().describe("δ over the mean curvature"),
      absolute: z.number(),
      chosenBy: z.string(),
      curve: z
        .array(z.object({ damping: z.number(), value: z.number() }))
        .describe("minus held-out loss, or log evidence"),
    })
    .nullable(),
  choices: z
    .array(
      z.object({
        what: z.enum(choiceNames).describe("anchor, weights (factors on α) or layers (how far from the anchor)"),
        of: z.string().describe("the task or layer, empty for the whole"),
        by: z.enum(["held-out data", "evidence"]),
        chosen: z.union([z.number(), z.string()]),
        curve: z.array(z.object({ at: z.union([z.number(), z.string()]), value: z.number() })),
      }),
    )
    .describe("what was chosen beside the damping, and the criterion of all that was tried: the larger the better"),
  objective: z.object({ value: z.number(), tasks: z.array(z.number()), anchor: z.number() }).nullable(),
  solve: z.object({ iterations: z.int(), residual: z.number(), outcome: z.string() }).nullable(),
  match: z
    .object({
      before: z.number(),
      after: z.number(),
      fewestRows: z.int(),
      steps: z.array(
        z.object({ divergence: z.number(), heldOut: z.number(), damping: z.number(), length: z.number() }),
      ),
    })
    .nullable(),
  rises: z
    .array(
      z.object({
        task: z.string(),
        predicted: z.number(),
        measured: z.number().nullable(),
        outside: z
          .boolean()
          .describe("measured and predicted differ by more than a factor of 2: beyond the quadratic's range"),
        by: z.string().describe("the quadratic that predicts"),
        conflict: z.array(z.number()).describe("share of the predicted rise by layer"),
      }),
    )
    .describe("of the tasks' losses on their data, from their own models to the merged one"),
  lines: z.array(
    z.object({
      to: z.string(),
      at: z.array(z.number()).describe("0 the merged model, 1 the task's"),
      losses: z.array(z.array(z.number())).describe("by task"),
    }),
  ),
  compared: z.array(lossByMethod).describe("every method that was tried, best first"),
});

export type MergeResult = z.output<typeof mergeResult>;
export type LossByMethod = z.output<typeof lossByMethod>;
