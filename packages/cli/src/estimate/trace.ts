/** `hessonite trace`: the trace of any operator, with its standard error. */
import { trace } from "@hessonite/core";
import { z } from "zod";
import type { CommandContext } from "../command.ts";
import { subjectOptions } from "../operator/options.ts";
import { openSetting } from "../operator/setting.ts";
import { subjectLines, subjectOf, subjectSchema } from "../operator/subject.ts";
import { count, digits } from "../terminal/quantity.ts";
import { facts } from "../terminal/table.ts";
import type { Paint } from "../terminal/terminal.ts";

export const traceOptions = z.object({
  ...subjectOptions,
  method: z
    .enum(["hutchinson", "hutch++", "xtrace", "xnystrace"])
    .default("hutchinson")
    .describe("estimator; the last three are better where eigenvalues decay, xnystrace for semidefinite matrices"),
  samples: z.int().min(2).default(32).describe("products with random vectors; from the matrix's side on it is exact"),
  seed: z.int().nonnegative().default(0).describe("seed of the random vectors"),
});

export const traceResult = z.object({
  ...subjectSchema,
  mean: z.number(),
  standardError: z.number().describe("0 where the answer is exact"),
  products: z.int(),
  seed: z.int(),
  method: z.string().describe("exact, or the estimator"),
});

export type TraceResult = z.output<typeof traceResult>;

export async function runTrace(
  options: z.output<typeof traceOptions>,
  { signal, progress }: CommandContext,
): Promise<TraceResult> {
  await using setting = await progress.stage("model, data, operator", 1, () => openSetting(options, signal));
  const { operator } = setting;
  const { method, samples, seed } = options;
  const found = await progress.stage("trace", samples, (done) =>
    trace(operator, { method, samples, seed, signal, onProgress: (at) => done(at.done) }),
  );
  const exact = operator.exact?.trace !== undefined || samples >= operator.shape[0];
  const subject = await subjectOf(options, setting, { seed, samples, method });
  return { ...subject, ...found, method: exact ? "exact" : method };
}

export function showTrace(result: TraceResult, paint: Paint): string {
  const { mean, standardError, products, method, seed } = result;
  const error = method === "exact" ? "exact" : `± ${digits(standardError, 2)} (standard error)`;
  const how = method === "exact" ? "" : ` by ${method}, seed ${seed}`;
  return facts(
    [
      ...subjectLines(result, paint),
      ["trace", `${paint.bold(digits(mean, 7))}  ${error}`],
      ["products", `${count(products)}${how}`],
    ],
    paint,
  );
}
