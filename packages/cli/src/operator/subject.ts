/** What a result says of its subject: which files, which loss, which operator, which versions. */
import type { OperatorSpec, Problem } from "@hessonite/core";
import { z } from "zod";
import { fileIdentity, fileIdentitySchema } from "../options/fileIdentity.ts";
import { count } from "../terminal/quantity.ts";
import type { Paint } from "../terminal/terminal.ts";
import { version } from "../version.ts";
import type { ProblemCommandOptions } from "./options.ts";
import type { OpenProblem } from "./setting.ts";
import { operatorText } from "./text.ts";

export const subjectSchema = {
  model: z.object({ ...fileIdentitySchema.shape, producer: z.string(), prediction: z.string() }),
  data: z.object({
    ...fileIdentitySchema.shape,
    rows: z.int(),
    batches: z.int(),
    batchSize: z.int(),
    lossTerms: z.number(),
  }),
  loss: z.object({ name: z.string(), reduction: z.string() }),
  operator: z.string(),
  parameterCount: z.int(),
  settings: z
    .record(z.string(), z.union([z.string(), z.number(), z.boolean()]))
    .describe("versions, engine, seeds, sizes"),
};

export type Subject = z.output<z.ZodObject<typeof subjectSchema>>;

/** @param settings What else a result depends on. */
export async function subjectOf(
  options: ProblemCommandOptions & { readonly operator: OperatorSpec },
  { problem, engine }: OpenProblem,
  settings: Subject["settings"] = {},
): Promise<Subject> {
  return {
    ...(await problemSubject(options, problem)),
    operator: operatorText(options.operator),
    settings: {
      hessonite: version,
      node: process.versions.node,
      platform: `${process.platform} ${process.arch}`,
      ...engine.settings,
      ...settings,
      checks: options.checks,
      ...(options.scale !== undefined && { scale: options.scale }),
      ...(options.parameters && { parameters: options.parameters.join(" ") }),
    },
  };
}

async function problemSubject(
  options: ProblemCommandOptions,
  { model, survey, output, loss, space }: Problem,
): Promise<Omit<Subject, "operator" | "settings">> {
  const { rows, batches, batchRows, count: lossTerms } = survey;
  return {
    model: { ...(await fileIdentity(options.model)), producer: model.producer, prediction: output },
    data: { ...(await fileIdentity(options.data)), rows, batches, batchSize: batchRows, lossTerms },
    loss: { name: loss.name, reduction: loss.reduction },
    parameterCount: space.size,
  };
}

export type Line = readonly [label: string, value: string];

export function subjectLines({ model, data, loss, operator, parameterCount }: Subject, paint: Paint): Line[] {
  return [
    ["model", `${paint.bold(model.path)}, ${count(parameterCount)} parameters`],
    ["data", `${data.path}, ${count(data.rows)} rows in ${data.batches} batches of ${data.batchSize}`],
    ["loss", `${loss.reduction} ${loss.name}`],
    ["operator", paint.bold(operator)],
  ];
}
