/** What the Laplace plugin is asked and what it answers. */
import { z } from "zod";
import { likelihoodNames } from "./likelihood/byName.ts";
import { structures } from "./posterior/posterior.ts";
import { priorKinds } from "./prior.ts";

const number = z.number();
const interval = z.tuple([number, number]);

export const laplaceResult = z.object({
  likelihood: z.string(),
  structure: z.string(),
  weights: z.array(z.string()).describe("initializers whose weights are uncertain, or some of them"),
  weightCount: z.int().describe("uncertain weights"),
  rows: z.number().describe("training rows"),
  prior: z.object({ kind: z.string(), precision: z.array(number) }),
  noise: number.nullable().describe("σ; null where the likelihood has none"),
  temperature: number.describe("T: the posterior's precision is divided by it"),
  tunedBy: z.string().describe("what chose the hyperparameters that were not given"),
  evidence: z
    .object({
      total: number,
      logLikelihood: number,
      scatter: number,
      logDeterminantRatio: number,
      logDeterminantError: z
        .object({ standardError: number, lower: number, upper: number })
        .nullable()
        .describe("of log det(sH + D), where it is an estimate"),
      effectiveParameters: number,
    })
    .describe("log p(y) in nats, and its parts"),
  evidenceCurve: z.array(z.object({ precision: number, total: number })).describe("one precision for all weights"),
  trainedPrior: z.object({ precision: number, mismatch: number, sentence: z.string() }),
  table: z
    .array(
      z.object({
        name: z.string(),
        nll: number,
        nllInterval: interval,
        brier: number.optional(),
        brierInterval: interval.optional(),
        ece: number.optional(),
        eceInterval: interval.optional(),
        accuracy: number.optional(),
        accuracyInterval: interval.optional(),
        auroc: number.optional(),
        fpr95: number.optional(),
        rmse: number.optional(),
        rmseInterval: interval.optional(),
      }),
    )
    .describe("on held-out rows that nothing was chosen by"),
  reliability: z.array(
    z.object({
      name: z.string(),
      bins: z.array(
        z.object({
          from: number,
          to: number,
          rows: z.int(),
          confidence: number.nullable(),
          accuracy: number.nullable(),
        }),
      ),
    }),
  ),
  uncertainty: z
    .object({ usual: z.array(number), other: z.array(number).nullable() })
    .nullable()
    .describe("entropy of each held-out row, and of each row of another kind"),
  confidence: z
    .object({ usual: z.array(number), other: z.array(number).nullable() })
    .nullable()
    .describe("probability of the predicted class, of each held-out row and of each row of another kind"),
  band: z
    .object({
      input: z.string(),
      points: z.array(z.object({ x: number, mean: number, function: number, observation: number })),
      data: z.array(interval),
    })
    .nullable()
    .describe("regression of one number on one: standard deviations along the input, and training rows"),
  conformal: z
    .object({ coverage: number, rows: z.int(), found: number, size: number })
    .nullable()
    .describe("split conformal sets: stated and found coverage, mean size of a set (classes) or width of an interval"),
  verdict: z.string(),
  deployed: z
    .object({ file: z.string(), outputs: z.array(z.string()), rows: z.int().nullable().describe("null: any number") })
    .nullable(),
  saved: z.string().nullable().describe("file that the fit was saved to"),
  notes: z.array(z.string()),
});

export type LaplaceResult = z.output<typeof laplaceResult>;

export const laplaceOptions = z.object({
  likelihood: z
    .enum([...likelihoodNames, "custom"])
    .describe(
      "what the outputs are: logits of classes, means, means and log-variances, logits of labels, log-rates; or a loss",
    ),
  lossGraph: z.string().optional().describe("custom: an ONNX file, (prediction, target) → terms of −log p"),
  convex: z.boolean().default(false).describe("custom: say so only if the loss is convex in the outputs"),
  structure: z.enum(structures).default("kronecker").describe("what is kept of the weights' covariance"),
  weights: z
    .union([z.enum(["auto", "all", "last-layer"]), z.array(z.string())])
    .default("auto")
    .describe("which weights are uncertain: all as far as there is room, else the last layer's"),
  subnetwork: z
    .enum(["variance", "magnitude", "random", "given"])
    .optional()
    .describe("full, diagonal: only the weights of largest variance or magnitude, at random, or as given"),
  subnetworkSize: z.int().positive().default(500).describe("weights of a subnetwork"),
  subnetworkIndices: z
    .array(z.int().nonnegative())
    .optional()
    .describe("given: places in the flat vector of the weights"),
  bias: z.enum(["joint", "separate"]).default("joint").describe("blocks: weight and bias of a layer in one or in two"),
  rank: z.int().positive().default(32).describe("low-rank: eigenpairs kept"),
  subset: z.int().positive().default(128).describe("function-space: training rows it stands on"),
  probes: z.int().min(2).default(16).describe("matrix-free: random vectors for the log-determinant"),
  steps: z.int().positive().default(40).describe("matrix-free: products a random vector takes"),
  priorKind: z.enum(priorKinds).default("scalar").describe("which weights share a prior precision"),
  prior: z.number().positive().optional().describe("prior precision; tuned unless given"),
  noise: z.number().positive().optional().describe("Gaussian: σ; tuned unless given"),
  temperature: z
    .number()
    .positive()
    .optional()
    .describe("divides the posterior's precision; 1, or tuned by held-out rows"),
  tune: z
    .enum(["evidence", "held-out"])
    .default("evidence")
    .describe("what chooses prior, noise and (held-out rows alone) temperature"),
  output: z.string().optional().describe("the output that is the prediction: logits, not probabilities"),
  samples: z.int().positive().multipleOf(2).default(1000).describe("draws of the outputs"),
  seed: z.int().nonnegative().default(0),
  coverage: z
    .number()
    .gt(0)
    .lt(1)
    .optional()
    .describe("classes, regression: split conformal sets that hold the truth this often"),
  fit: z
    .array(z.string())
    .optional()
    .describe("start from a fit that was saved, or several of parts of the data; training rows, if given, are added"),
  save: z.string().optional().describe("save the fit to this file (safetensors)"),
  checkpoint: z.string().optional().describe("fit part by part, kept in this file; goes on where it stopped"),
  rowsAtOnce: z.int().positive().default(4096).describe("checkpoint: rows of a part"),
  out: z.string().optional().describe("write the model with uncertainty to this file"),
});

export type LaplaceOptions = z.output<typeof laplaceOptions>;
