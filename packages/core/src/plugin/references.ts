/** Models, data and losses as a request names them: by file, or as objects that live in this process. */
import { z } from "zod";
import type { Dataset } from "../data/dataset.ts";
import type { Loss } from "../loss/loss.ts";
import { lossNames } from "../loss/lossByName.ts";
import type { OnnxModel } from "../onnx/model.ts";

/** A path, or a model that was read. */
export type ModelRef = string | OnnxModel;

/** A data file, and how it is read. */
export interface DatasetFile {
  readonly file: string;
  readonly target?: string | undefined;
  readonly weights?: string | undefined;
  /** Array that is 0 where a label does not count. */
  readonly mask?: string | undefined;
  /** Factor for the inputs. */
  readonly scale?: number | "unit" | undefined;
  readonly batchSize?: number | undefined;
  /** Rows [start, end) alone. */
  readonly rows?: { readonly start?: number | undefined; readonly end?: number | undefined } | undefined;
}

/** A path, a file with how it is read, or a dataset. */
export type DatasetRef = string | DatasetFile | Dataset;

/** A loss's name with its options, or a loss. */
export type LossSpec =
  | string
  | {
      readonly name: string;
      readonly reduction?: "mean" | "sum" | undefined;
      readonly classWeights?: readonly number[] | undefined;
      readonly ignoreIndex?: number | undefined;
      readonly labelSmoothing?: number | undefined;
      readonly targets?: "labels" | "probabilities" | undefined;
      readonly positiveWeight?: readonly number[] | undefined;
    }
  | Loss;

export const isDataset = (reference: DatasetRef): reference is Dataset =>
  typeof reference === "object" && "batches" in reference;
export const isLoss = (spec: LossSpec): spec is Loss => typeof spec === "object" && "terms" in spec;

const live = <T>(has: string, what: string): z.ZodType<T> =>
  z.custom<T>((value) => typeof value === "object" && value !== null && has in value, `expected a path or ${what}`);

export const modelRef: z.ZodType<ModelRef> = z
  .union([z.string().min(1), live<OnnxModel>("initializers", "a model that was read")])
  .describe("the model, an .onnx file");

const datasetFile: z.ZodType<DatasetFile> = z.strictObject({
  file: z.string().min(1).describe("npz, npy, safetensors or csv file"),
  target: z.string().optional().describe("array of the target; y unless said"),
  weights: z.string().optional().describe("array of a weight for each row"),
  mask: z.string().optional().describe("array that is 0 where a label does not count"),
  scale: z
    .union([z.number(), z.literal("unit")])
    .optional()
    .describe("factor for the inputs"),
  batchSize: z.int().positive().optional().describe("rows at once"),
  rows: z
    .strictObject({ start: z.int().nonnegative().optional(), end: z.int().positive().optional() })
    .optional()
    .describe("rows from start to before end alone"),
});

export const datasetRef: z.ZodType<DatasetRef> = z
  .union([z.string().min(1), datasetFile, live<Dataset>("batches", "a dataset")])
  .describe("the data: a file, a file with how it is read, or a dataset");

const namedLoss = z.strictObject({
  name: z.enum(lossNames as [string, ...string[]]),
  reduction: z.enum(["mean", "sum"]).optional(),
  classWeights: z.array(z.number()).optional(),
  ignoreIndex: z.int().optional(),
  labelSmoothing: z.number().optional(),
  targets: z.enum(["labels", "probabilities"]).optional(),
  positiveWeight: z.array(z.number()).optional(),
});

export const lossSpec: z.ZodType<LossSpec> = z
  .union([z.enum(lossNames as [string, ...string[]]), namedLoss, live<Loss>("terms", "a loss")])
  .describe("what the model was trained on");
