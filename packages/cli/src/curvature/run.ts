/** Runs `hessonite curvature`. */
import { stat } from "node:fs/promises";
import { createProblem, lossByName, ownPredictions, type Problem, readModel, UsageError } from "@hessonite/core";
import { measureCurvature, saveCurvature } from "@hessonite/merge";
import { z } from "zod";
import type { CommandContext } from "../command.ts";
import { openData } from "../options/data.ts";
import { openEngine } from "../options/engine.ts";
import { fileIdentity, fileIdentitySchema } from "../options/fileIdentity.ts";
import { count, digits } from "../terminal/quantity.ts";
import { facts } from "../terminal/table.ts";
import type { Paint } from "../terminal/terminal.ts";
import type { CurvatureOptions } from "./options.ts";

export const curvatureResult = z.object({
  file: z.string(),
  bytes: z.int(),
  kind: z.string(),
  model: fileIdentitySchema,
  data: fileIdentitySchema,
  rows: z.number(),
  loss: z.number().nullable().describe("null without labels"),
  parameterCount: z.int(),
});

export type CurvatureResult = z.output<typeof curvatureResult>;

export async function runCurvature(
  options: CurvatureOptions,
  { signal, progress }: CommandContext,
): Promise<CurvatureResult> {
  const { kind, out, loss: lossName, fisher, samples, seed } = options;
  const model = await readModel(options.model);
  const data = await openData(options, model, signal);
  await using engine = await openEngine(options);
  const common = {
    model,
    engine,
    memory: options.maxMemory,
    signal,
    ...(options.parameters ? { parameters: options.parameters } : {}),
    ...(options.output === undefined ? {} : { output: options.output }),
    ...(options.checks ? {} : { checks: false as const }),
  };
  await using given = await createProblem({ ...common, data, loss: lossByName(lossName) });
  const labelled = given.survey.labelled;
  if (!labelled && fisher === "empirical") {
    throw new UsageError("Cannot measure the empirical Fisher matrix as the data have no labels", {
      at: options.data,
      try: "--fisher type-2, which needs none",
    });
  }
  // Without labels the model's own predictions stand for them: the curvature is the same.
  await using taught = labelled ? undefined : await createProblem({ ...common, ...(await ownPredictions(given)) });
  const problem: Problem = taught ?? given;
  const measured = await progress.stage("measuring curvature", 1, () =>
    measureCurvature(problem, {
      name: options.model,
      kind,
      fisher: fisher === "mc" ? { fisher, samples, seed } : { fisher },
      offDiagonal: options.offDiagonal,
      signal,
    }),
  );
  const { gradient, loss, ...unlabelled } = measured;
  const identity = await fileIdentity(options.data);
  const shapes = [...problem.survey.binding.inputs].map(([name, { shape }]) => [name, shape.slice(1)] as const);
  const provenance = { data: identity.sha256, lossName, inputs: Object.fromEntries(shapes) };
  await progress.stage("writing", 1, () =>
    saveCurvature(out, labelled ? measured : unlabelled, provenance, { memory: options.maxMemory, signal }),
  );
  return {
    file: out,
    bytes: (await stat(out)).size,
    kind,
    model: await fileIdentity(options.model),
    data: identity,
    rows: measured.rows,
    loss: labelled ? (loss ?? null) : null,
    parameterCount: problem.space.size,
  };
}

export function showCurvature(
  { file, bytes, kind, rows, loss, parameterCount, model, data }: CurvatureResult,
  paint: Paint,
): string {
  return facts(
    [
      ["curvature", `${paint.bold(kind)} of ${model.path}, ${count(parameterCount)} parameters`],
      ["data", `${data.path}, ${count(rows)} rows, not in the file`],
      ["loss", loss === null ? "unknown: no labels" : digits(loss)],
      ["written", `${file}, ${count(bytes)} bytes`],
    ],
    paint,
  );
}
