/** What `hessonite curvature` is told. */
import { curvatureKinds } from "@hessonite/merge";
import { z } from "zod";
import { dataOptions } from "../options/data.ts";
import { engineOptions } from "../options/engine.ts";
import { memoryOptions } from "../options/memory.ts";
import { modelOptions } from "../options/model.ts";

export const curvatureOptions = z.object({
  ...modelOptions,
  ...dataOptions,
  loss: z.enum(["cross-entropy", "mse", "bce-with-logits"]).describe("what the model was trained on; a mean"),
  kind: z
    .enum(curvatureKinds)
    .default("kfac")
    .describe("which curvature; ggn and block-diagonal are whole matrices, for small models"),
  fisher: z
    .enum(["type-2", "mc", "empirical"])
    .default("type-2")
    .describe("which Fisher matrix; type-2 needs no labels"),
  samples: z.int().positive().default(1).describe("mc: labels drawn for each prediction"),
  seed: z.int().nonnegative().default(0).describe("mc: seed of the drawn labels"),
  offDiagonal: z.number().default(0.9).describe("regmean: what off-diagonal entries are multiplied by"),
  ...memoryOptions,
  out: z.string().describe("the file to write, .safetensors"),
  ...engineOptions,
});

export type CurvatureOptions = z.output<typeof curvatureOptions>;
