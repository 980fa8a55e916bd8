/** `hessonite diagonal`: the diagonal of any operator, summed up by parameter and written to a file. */
import { estimateDiagonal, type ParameterSpace } from "@hessonite/core";
import { z } from "zod";
import type { CommandContext } from "../command.ts";
import { subjectOptions } from "../operator/options.ts";
import { openSetting } from "../operator/setting.ts";
import { subjectLines, subjectOf, subjectSchema } from "../operator/subject.ts";
import { count, digits, shape } from "../terminal/quantity.ts";
import { facts, table } from "../terminal/table.ts";
import type { Paint } from "../terminal/terminal.ts";
import { arrayFile, splitByParameter, writeArrays } from "./arrays.ts";

export const diagonalOptions = z.object({
  ...subjectOptions,
  method: z.enum(["hutchinson", "xdiag"]).default("hutchinson").describe("estimator; xdiag where eigenvalues decay"),
  samples: z.int().min(2).default(64).describe("products with random vectors; from the matrix's side on it is exact"),
  seed: z.int().nonnegative().default(0).describe("seed of the random vectors"),
  out: arrayFile.optional().describe("write an array a parameter to this file, .npz or .safetensors"),
});

const ofParameter = z.object({
  name: z.string(),
  shape: z.array(z.int()),
  count: z.int(),
  sum: z.number(),
  mean: z.number(),
  smallest: z.number(),
  largest: z.number(),
});

export const diagonalResult = z.object({
  ...subjectSchema,
  method: z.string().describe("exact, or the estimator"),
  products: z.int(),
  seed: z.int(),
  sum: z.number().describe("the trace, as this diagonal has it"),
  meanStandardError: z.number().describe("of an entry, root mean square; 0 where the answer is exact"),
  parameters: z.array(ofParameter),
  file: z.string().nullable(),
});

export type DiagonalResult = z.output<typeof diagonalResult>;

export async function runDiagonal(
  options: z.output<typeof diagonalOptions>,
  { signal, progress }: CommandContext,
): Promise<DiagonalResult> {
  await using setting = await progress.stage("model, data, operator", 1, () => openSetting(options, signal));
  const { operator, problem } = setting;
  const { method, samples, seed, out } = options;
  const found = await progress.stage("diagonal", samples, (done) =>
    estimateDiagonal(operator, { method, samples, seed, signal, onProgress: (at) => done(at.done) }),
  );
  if (out) await writeArrays(out, splitByParameter(problem.space, found.mean));
  const exact = operator.exact?.diagonal !== undefined || samples >= operator.shape[0];
  const squares = found.standardError.reduce((sum, x) => sum + x * x, 0);
  return {
    ...(await subjectOf(options, setting, { seed, samples, method })),
    method: exact ? "exact" : method,
    products: found.products,
    seed,
    sum: found.mean.reduce((sum, x) => sum + x, 0),
    meanStandardError: Math.sqrt(squares / found.mean.length),
    parameters: summaries(problem.space, found.mean),
    file: out ?? null,
  };
}

function summaries({ parameters }: ParameterSpace, diagonal: Float64Array): DiagonalResult["parameters"] {
  return parameters.map(({ name, shape: dimensions, size, offset }) => {
    const part = diagonal.subarray(offset, offset + size);
    const sum = part.reduce((total, x) => total + x, 0);
    return {
      name,
      shape: [...dimensions],
      count: size,
      sum,
      mean: sum / size,
      smallest: part.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY),
      largest: part.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY),
    };
  });
}

export function showDiagonal(result: DiagonalResult, paint: Paint): string {
  const { method, products, sum, meanStandardError, parameters, file } = result;
  const right = { align: "right" as const };
  const columns = [
    { title: "parameter" },
    { title: "shape" },
    ...["entries", "sum", "mean", "smallest", "largest"].map((title) => ({ title, ...right })),
  ];
  const rows = parameters.map((p) => [
    p.name,
    shape(p.shape),
    count(p.count),
    ...[p.sum, p.mean, p.smallest, p.largest].map((x) => digits(x)),
  ]);
  const error = method === "exact" ? "exact" : `${method}, an entry ± ${digits(meanStandardError, 2)}`;
  const lines = [
    ...subjectLines(result, paint),
    ["diagonal", `sum ${paint.bold(digits(sum, 6))}, ${error}, ${count(products)} products`] as const,
    ...(file ? [["written", file] as const] : []),
  ];
  return `${facts(lines, paint)}\n\n${table(columns, rows, paint)}`;
}
