/** What pruning is told, for the plugin and the command line alike. */
import { z } from "zod";
import { layerCompensations } from "./layerwise/pruneLayer.ts";
import { augmentations } from "./network/augment.ts";
import { methodNames } from "./network/method.ts";
import { schedules } from "./network/schedule.ts";
import { acrossNames, budgetKinds } from "./structured/select/select.ts";
import { compactForms } from "./written/writeModel.ts";

/** Of weights that become 0, and one more of what changes shapes. */
export const methodChoices = [...methodNames, "obs"] as const;
/** Of weights that become 0, and of shapes that change. */
export const compensations = [...layerCompensations, "bias", "least-squares"] as const;
export const refinements = ["none", "swaps", "pairs", "beam"] as const;

export const pruneOptions = z.object({
  method: z
    .enum(["auto", ...methodChoices])
    .default("auto")
    .describe(
      "how weights are chosen; auto: ggn where its directions fit into memory, else kfac; obs for channels and heads",
    ),
  granularity: z
    .string()
    .default("element")
    .describe(
      "element, 2:4 or another n:m, block1x4, block4x1, row, column; channel, head, layer: shapes change; rank: weights as two thin matrices",
    ),
  sparsity: z
    .number()
    .gt(0)
    .lt(1)
    .optional()
    .describe("share of the weights to remove, of the budget where shapes change; with n:m the pattern says it"),
  budget: z
    .enum(budgetKinds)
    .optional()
    .describe(
      "what a share is of: where shapes change the FLOPs unless said; else parameters, or bytes of a packed or sparse file",
    ),
  across: z
    .enum(acrossNames)
    .optional()
    .describe(
      "channel, head: by cost for what is saved over all layers (unless said), alike in each, or by dynamic programming",
    ),
  maxDrop: z
    .number()
    .nonnegative()
    .optional()
    .describe("largest drop accepted: of accuracy, as a share, else of the loss relative to the dense loss"),
  shots: z.int().positive().default(1).describe("how often the curvature is measured on the way"),
  schedule: z.enum(schedules).default("geometric").describe("sparsities of several shots"),
  compensation: z
    .enum(compensations)
    .optional()
    .describe(
      "what kept weights become; the method's own unless said, least-squares where shapes change; least-squares: layer by layer, on the pruned model's own inputs",
    ),
  refit: z
    .enum(["none", "function"])
    .default("none")
    .describe("function: match the dense model's outputs, without labels"),
  fineTune: z.int().nonnegative().default(0).describe("epochs of training after each shot, pruned weights held at 0"),
  distil: z.boolean().default(false).describe("train on the dense model's predictions instead of labels"),
  refine: z.enum(refinements).default("none").describe("obc: swaps, pairs of swaps, or a beam of 32, after greedy"),
  lambda: z
    .number()
    .positive()
    .optional()
    .describe("damping relative to the mean curvature; by held-out loss unless given"),
  blockSize: z.int().positive().optional().describe("fisher, ggn: weights a block; all in one unless said"),
  curvatureRows: z
    .int()
    .positive()
    .optional()
    .describe("rows that one curvature is measured on; ggn: the strongest directions of all unless said"),
  augment: z
    .enum(augmentations)
    .default("none")
    .describe(
      "few calibration rows are made up to some 2,000, without labels: shift by a few positions, mixtures of two (mix), or both",
    ),
  rounds: z.int().positive().default(8).describe("choices that a shot is made in"),
  sequential: z.boolean().default(false).describe("layer by layer: inputs from the model pruned so far"),
  compare: z
    .array(z.enum(methodChoices))
    .optional()
    .describe("methods to run beside it; the best within the drop is written"),
  bits: z
    .int()
    .refine((n) => n === 8 || n === 4, "8 or 4")
    .optional()
    .describe("round the weights that are written to 8 or 4 bits, errors made up for; as they are unless given"),
  standard: z
    .boolean()
    .default(false)
    .describe("with 4 bits: standard operators alone (opset 21) instead of ONNX Runtime's MatMulNBits"),
  compact: z
    .enum(compactForms)
    .default("none")
    .describe(
      "packed: non-zeros in safetensors beside a graph that decodes them; sparse: ONNX's sparse_initializer; smaller on disk, no faster",
    ),
  out: z.string().optional().describe("the pruned model to write; nothing is written unless given"),
  overwrite: z.boolean().default(false).describe("allow the model's own file to be written over"),
});

export type PruneRunOptions = z.output<typeof pruneOptions>;
