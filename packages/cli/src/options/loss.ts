/** Which loss. */
import { type Loss, lossByName } from "@hessonite/core";
import { z } from "zod";

export const lossOptions = {
  loss: z.enum(["cross-entropy", "mse", "bce-with-logits"]).describe("what the model was trained on"),
  reduction: z.enum(["mean", "sum"]).default("mean").describe("over all loss terms of all batches"),
  classWeights: z.array(z.number()).optional().describe("cross-entropy: one weight a class"),
  ignoreIndex: z
    .int()
    .optional()
    .describe("cross-entropy: the label that does not count; the data's own ignore_index unless said"),
  labelSmoothing: z.number().optional().describe("cross-entropy: amount in [0, 1)"),
  targets: z
    .enum(["labels", "probabilities"])
    .optional()
    .describe("cross-entropy: what the target holds; labels unless said"),
  positiveWeight: z.array(z.number()).optional().describe("bce-with-logits: weight of positives, one or one an entry"),
};

export type LossOptions = z.output<z.ZodObject<typeof lossOptions>>;

export function openLoss(options: LossOptions): Loss {
  const { loss, reduction, classWeights, ignoreIndex, labelSmoothing, targets, positiveWeight } = options;
  return lossByName(loss, {
    reduction,
    ...(classWeights && { classWeights }),
    ...(ignoreIndex !== undefined && { ignoreIndex }),
    ...(labelSmoothing !== undefined && { labelSmoothing }),
    ...(targets && { targets }),
    ...(positiveWeight && { positiveWeight }),
  });
}
