/** What every command about one operator is told: a model, data, a loss, which matrix, and where to run. */
import type { z } from "zod";
import { dataOptions } from "../options/data.ts";
import { engineOptions } from "../options/engine.ts";
import { lossOptions } from "../options/loss.ts";
import { memoryOptions } from "../options/memory.ts";
import { modelOptions } from "../options/model.ts";
import { operatorHelp, operatorOption } from "./text.ts";

export const problemOptions = {
  ...modelOptions,
  ...dataOptions,
  ...lossOptions,
  ...memoryOptions,
  ...engineOptions,
};

export const subjectOptions = {
  ...problemOptions,
  operator: operatorOption("ggn").describe(operatorHelp),
};

export type ProblemCommandOptions = z.output<z.ZodObject<typeof problemOptions>>;
export type SubjectOptions = z.output<z.ZodObject<typeof subjectOptions>>;
