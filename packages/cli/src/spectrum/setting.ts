/** A spectrum's model, data, engine and operator, opened together and closed together. */
import {
  buildOperator,
  type LinearOperator,
  type OperatorSpec,
  type ProblemOperator,
  UsageError,
} from "@hessonite/core";
import { openWith, type Setting } from "../operator/setting.ts";
import { type Subject, subjectOf } from "../operator/subject.ts";
import { operatorText } from "../operator/text.ts";
import type { SpectrumOptions } from "./options.ts";

/** The operator's specification; drawn labels have their number and seed from options of their own. */
function specOf({ operator, fisherSamples, seed }: SpectrumOptions): OperatorSpec {
  return operator.kind === "fisher-mc" ? { samples: fisherSamples, seed, ...operator } : operator;
}

/**
 * @throws {HessoniteError} for whatever is wrong with model, data or options, before any product is computed.
 */
export function openSetting(options: SpectrumOptions, signal: AbortSignal): Promise<Setting> {
  return openWith(options, signal, (problem) => buildOperator(specOf(options), problem));
}

/**
 * The same for counting alone: the operator must be one whose product is a graph, so that making it costs nothing.
 *
 * @throws {UsageError} if it is another one.
 */
export function openCounted(options: SpectrumOptions, signal: AbortSignal): Promise<Setting<ProblemOperator>> {
  return openWith({ ...options, checks: false }, signal, async (problem) => {
    const operator = countable.has(options.operator.kind) ? await buildOperator(specOf(options), problem) : undefined;
    if (operator && isCounted(operator)) return operator;
    throw new UsageError("Cannot count what this operator costs as making it takes a pass over the data", {
      found: operatorText(options.operator),
      expected: [...countable].join(", "),
    });
  });
}

const countable = new Set(["hessian", "ggn", "fisher-mc", "empirical-fisher"]);

const isCounted = (operator: LinearOperator): operator is ProblemOperator => "cost" in operator;

export function spectrumSubject(options: SpectrumOptions, setting: Setting): Promise<Subject> {
  const { operator, seed, samples, densityProbes, densitySteps, tolerance } = options;
  return subjectOf(options, setting, {
    seed,
    ...(operator.kind === "fisher-mc" && { fisherSamples: Number(specOf(options)["samples"]) }),
    samples,
    densityProbes,
    densitySteps,
    tolerance,
  });
}
