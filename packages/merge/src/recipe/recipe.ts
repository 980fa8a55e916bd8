/**
 * Recipes: what is merged and how, as a YAML file. Keys are those of mergekit where it has them; docs/recipes.md shows both
 * side by side.
 */
import { UsageError } from "@hessonite/core";
import { parse } from "yaml";
import { z } from "zod";
import { choiceNames } from "../job/choices.ts";
import { mergeMethodNames } from "../job/options.ts";
import { nearest } from "./nearest.ts";
import { parameterValue } from "./parameterValue.ts";

const fraction = z
  .union([z.number(), z.string().regex(/^\s*-?[\d.]+(e-?\d+)?\s*(\/\s*[\d.]+)?\s*$/i), z.literal("unit")])
  .transform((given): number | "unit" => {
    if (given === "unit" || typeof given === "number") return given;
    const [numerator, denominator = "1"] = given.split("/");
    return Number(numerator) / Number(denominator);
  });

const dataFile = z.strictObject({
  file: z.string().describe("npz, npy, safetensors or csv"),
  target: z.string().optional().describe("array of the target; y unless said"),
  weights: z.string().optional().describe("array of a weight for each row"),
  mask: z.string().optional().describe("array that is 0 where a label does not count, as attention_mask"),
  scale: fraction.optional().describe("factor for the inputs: 1/255"),
  batch_size: z.int().positive().optional().describe("rows at once; 256 unless said"),
  rows: z.tuple([z.int().nonnegative(), z.int().positive()]).optional().describe("[start, end)"),
});

const data = z.union([z.string(), dataFile]);

/** Of one model, and of all: what is said of a model goes before. */
const modelParameters = z.strictObject({
  weight: parameterValue.optional().describe("1 unless said; for methods by curvature the number of rows"),
  density: parameterValue.optional().describe("ties, dare, della, breadcrumbs: share of entries kept"),
});

const parameters = z.strictObject({
  ...modelParameters.shape,
  t: parameterValue.optional().describe("slerp: 0 the first model, 1 the second"),
  lambda: parameterValue.optional().describe("what merged task vectors are multiplied by"),
  gamma: parameterValue.optional().describe("breadcrumbs: share of largest entries dropped"),
  epsilon: parameterValue.optional().describe("della: how far keeping probabilities spread"),
  normalize: z.boolean().optional().describe("divide by the sum of weights"),
  rescale: z.boolean().optional().describe("keep Σ|x| of what is sparsified"),
  nuslerp_row_wise: z.boolean().optional(),
  nuslerp_flatten: z.boolean().optional(),
  filter_wise: z.boolean().optional().describe("model_stock: an angle for each row"),
  seed: z.int().nonnegative().optional().describe("dare, della: of what is dropped"),
  fisher: z.enum(["type-2", "mc", "empirical"]).optional().describe("which Fisher matrix; type-2 needs no labels"),
  fisher_samples: z.int().positive().optional().describe("mc: labels drawn for each prediction"),
  off_diagonal: z.number().optional().describe("regmean: what off-diagonal entries are multiplied by; 0.9 unless said"),
  damping: z.number().nonnegative().optional().describe("δ relative to the mean curvature; chosen unless given"),
  anchor: z.union([z.enum(["average", "base"]), z.strictObject({ model: z.string() })]).optional(),
  tolerance: z
    .number()
    .positive()
    .optional()
    .describe("residual of the solve; 1e-12 unless said, 1e-3 beyond 1,000 weights"),
  max_iterations: z.int().positive().optional(),
  steps: z.int().positive().max(20).optional().describe("function: linearisations; 3 unless said"),
});

export const recipeSchema = z.strictObject({
  merge_method: z.enum(mergeMethodNames as readonly [string, ...string[]]),
  models: z
    .array(
      z.strictObject({
        model: z.string(),
        name: z.string().optional().describe("for the report; the file's name unless said"),
        data: data.optional().describe("rows to measure curvature on or match functions on"),
        held_out: data.optional().describe("labelled rows to choose by"),
        curvature: z.string().optional().describe("an artefact of `hessonite curvature`, in place of data"),
        parameters: modelParameters.optional(),
      }),
    )
    .min(1),
  base_model: z
    .union([
      z.string(),
      z.strictObject({
        model: z.string(),
        data: data.optional().describe("gradient-matching: its own rows"),
        curvature: z.string().optional().describe("gradient-matching: its artefact, in place of data"),
      }),
    ])
    .optional(),
  loss: z.enum(["cross-entropy", "mse", "bce-with-logits"]).default("cross-entropy"),
  parameters: parameters.optional(),
  tensors: z
    .array(z.string())
    .optional()
    .describe("names or globs of what is merged; weights, biases, scales and tables unless said"),
  heads: z
    .array(z.string())
    .min(1)
    .optional()
    .describe(
      "names or globs of parameters that every task keeps for itself: one merged file is written for each task",
    ),
  align: z
    .boolean()
    .optional()
    .describe("put every model's hidden units in the first one's order beforehand, as models trained apart need it"),
  output: z.string().optional().describe("the output that is the prediction"),
  choose: z
    .array(z.enum(choiceNames))
    .optional()
    .describe(
      "what is chosen on held-out data: damping and anchor unless said; also task weights, layers' coefficients",
    ),
  select: z
    .enum(["mean", "worst"])
    .default("mean")
    .describe("held-out loss to choose by: of the mean or the worst task"),
});

export type Recipe = z.output<typeof recipeSchema>;
export type RecipeData = z.output<typeof data>;

/**
 * @param where For messages: the file's name.
 * @throws {UsageError} if the text is no YAML mapping, or does not fit the schema; an unknown key is told with the nearest known.
 */
export function parseRecipe(text: string, where: string): Recipe {
  let value: unknown;
  try {
    value = parse(text);
  } catch (cause) {
    throw new UsageError(
      "Cannot read the recipe as it is not YAML",
      { at: where, found: (cause as Error).message.split("\n")[0] ?? "" },
      { cause },
    );
  }
  return validRecipe(value, where);
}

/** The same for what was parsed already. */
export function validRecipe(value: unknown, where: string): Recipe {
  const { success, data: recipe, error } = recipeSchema.safeParse(value);
  if (success) return recipe;
  throw problemOf(error.issues, where);
}

function problemOf(issues: readonly z.core.$ZodIssue[], where: string): UsageError {
  const unknown = findUnknown(issues, []);
  if (unknown) {
    const { key, path } = unknown;
    const known = knownKeys(recipeSchema, path);
    const guess = nearest(key, known);
    return new UsageError("Cannot use the recipe as it has a key that is not known", {
      at: [where, ...path.map(String)].join(" › "),
      found: key,
      try: guess ? `${guess}?` : `one of ${known.join(", ")}`,
    });
  }
  const [issue] = issues;
  return new UsageError("Cannot use the recipe as a value does not fit", {
    at: [where, ...(issue?.path ?? []).map(String)].join(" › "),
    expected: issue?.message.replace(/^Invalid (input|option): /, "").replace(/^expected /, "") ?? "",
  });
}

interface UnknownKey {
  readonly key: string;
  readonly path: readonly PropertyKey[];
}

/** Also inside unions, whose own message says nothing. */
function findUnknown(issues: readonly z.core.$ZodIssue[], path: readonly PropertyKey[]): UnknownKey | undefined {
  for (const issue of issues) {
    const at = [...path, ...issue.path];
    if (issue.code === "unrecognized_keys") return { key: issue.keys[0] ?? "", path: at };
    if (issue.code !== "invalid_union") continue;
    for (const branch of issue.errors) {
      const found = findUnknown(branch, at);
      if (found) return found;
    }
  }
  return undefined;
}

/** Keys that the schema has at a path. */
function knownKeys(schema: z.ZodType, path: readonly PropertyKey[]): string[] {
  const inner = unwrapped(schema);
  const [first, ...rest] = path;
  if (inner instanceof z.ZodUnion) return (inner.options as z.ZodType[]).flatMap((option) => knownKeys(option, path));
  if (inner instanceof z.ZodArray) return first === undefined ? [] : knownKeys(inner.element as z.ZodType, rest);
  if (!(inner instanceof z.ZodObject)) return [];
  if (first === undefined) return Object.keys(inner.shape);
  const next: unknown = inner.shape[String(first)];
  return next instanceof z.ZodType ? knownKeys(next, rest) : [];
}

function unwrapped(schema: z.ZodType): z.ZodType {
  if (schema instanceof z.ZodOptional) return unwrapped(schema.unwrap() as z.ZodType);
  if (schema instanceof z.ZodDefault) return unwrapped(schema.def.innerType as z.ZodType);
  return schema;
}
