/** `hessonite eigs`: eigenpairs at the ends of any self-adjoint operator's spectrum. */
import { type TopEigenpairs, topEigenpairs } from "@hessonite/core";
import { z } from "zod";
import type { CommandContext, Outcome } from "../command.ts";
import { subjectOptions } from "../operator/options.ts";
import { openSetting } from "../operator/setting.ts";
import { subjectLines, subjectOf, subjectSchema } from "../operator/subject.ts";
import { count, digits } from "../terminal/quantity.ts";
import { facts, table } from "../terminal/table.ts";
import type { Paint } from "../terminal/terminal.ts";
import { arrayFile, splitByParameter, writeArrays } from "./arrays.ts";

export const eigsOptions = z.object({
  ...subjectOptions,
  count: z.int().positive().default(5).describe("how many eigenpairs"),
  which: z
    .enum(["top", "bottom", "magnitude"])
    .default("top")
    .describe("largest, smallest, or largest in absolute value"),
  tolerance: z.number().positive().default(1e-4).describe("residual, relative to the largest eigenvalue"),
  maxProducts: z.int().positive().optional().describe("products spent at most"),
  seed: z.int().nonnegative().default(0).describe("seed of the first vectors"),
  out: arrayFile.optional().describe("write the eigenvectors to this file, .npz or .safetensors: an array a parameter"),
});

export const eigsResult = z.object({
  ...subjectSchema,
  which: z.string(),
  values: z.array(z.number()),
  residuals: z.array(z.number()).describe("‖A v − λ v‖ of each pair"),
  outcome: z.string().describe("converged, or iteration limit: the residuals say how good the pairs are"),
  products: z.int(),
  seed: z.int(),
  file: z.string().nullable(),
});

export type EigsResult = z.output<typeof eigsResult>;

export async function runEigs(
  options: z.output<typeof eigsOptions>,
  { signal, progress }: CommandContext,
): Promise<Outcome<EigsResult>> {
  await using setting = await progress.stage("model, data, operator", 1, () => openSetting(options, signal));
  const { operator, problem } = setting;
  const { count: k, which, tolerance, maxProducts, seed, out } = options;
  const found = await progress.stage("eigenpairs", 12 * k, (done) =>
    topEigenpairs(operator, {
      k,
      which,
      tolerance,
      seed,
      signal,
      ...(maxProducts && { maxProducts }),
      onProgress: ({ products }) => done(products),
    }),
  );
  if (out) await writeArrays(out, arraysOf(problem.space, found));
  const result = {
    ...(await subjectOf(options, setting, { seed, tolerance })),
    which,
    values: [...found.values],
    residuals: [...found.residuals],
    outcome: found.outcome,
    products: found.products,
    seed,
    file: out ?? null,
  };
  return { result, failed: found.outcome !== "converged" };
}

type Space = Parameters<typeof splitByParameter>[0];

function arraysOf(space: Space, { values, vectors }: TopEigenpairs): ReturnType<typeof splitByParameter> {
  return splitByParameter(space, vectors, values.length).set("eigenvalues", {
    dtype: "float64",
    shape: [values.length],
    data: values,
  });
}

export function showEigs(result: EigsResult, paint: Paint): string {
  const { values, residuals, outcome, products, which, file } = result;
  const rows = values.map((value, i) => [String(i + 1), digits(value, 7), digits(residuals[i] ?? 0, 2)]);
  const columns = ["", "eigenvalue", "residual"].map((title) => ({ title, align: "right" as const }));
  const said = outcome === "converged" ? outcome : paint.red(`NOT converged: ${outcome}`);
  const lines = [
    ...subjectLines(result, paint),
    [which, `${said} after ${count(products)} products`] as const,
    ...(file ? [["written", file] as const] : []),
  ];
  return `${facts(lines, paint)}\n\n${table(columns, rows, paint)}`;
}
