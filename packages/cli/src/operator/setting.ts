/** A model, data and an engine as a problem, and an operator on it: opened together and closed together. */
import {
  buildOperator,
  createProblem,
  type Dataset,
  type Engine,
  type LinearOperator,
  type Problem,
} from "@hessonite/core";
import { openData } from "../options/data.ts";
import { openEngine } from "../options/engine.ts";
import { openLoss } from "../options/loss.ts";
import { openModel } from "../options/model.ts";
import type { ProblemCommandOptions, SubjectOptions } from "./options.ts";

export interface OpenProblem extends AsyncDisposable {
  readonly engine: Engine;
  readonly problem: Problem;
}

export interface Setting<Operator extends LinearOperator = LinearOperator> extends OpenProblem {
  readonly operator: Operator;
}

/**
 * @throws {HessoniteError} for whatever is wrong with model, data or options, before anything is computed.
 */
export async function openProblem(
  options: ProblemCommandOptions,
  signal: AbortSignal,
  part: (data: Dataset) => Dataset = (data) => data,
): Promise<OpenProblem> {
  const model = await openModel(options);
  const data = part(await openData(options, model, signal));
  const engine = await openEngine(options);
  try {
    const problem = await createProblem({
      model,
      data,
      loss: openLoss(options),
      engine,
      memory: options.maxMemory,
      signal,
      ...(options.parameters && { parameters: options.parameters }),
      ...(options.output && { output: options.output }),
      ...(options.checks ? {} : { checks: false }),
    });
    return {
      engine,
      problem,
      async [Symbol.asyncDispose]() {
        await problem[Symbol.asyncDispose]();
        await engine[Symbol.asyncDispose]();
      },
    };
  } catch (error) {
    await engine[Symbol.asyncDispose]();
    throw error;
  }
}

/** A problem and an operator that is made on it; `part` cuts what is wanted from the data. */
export async function openWith<Operator extends LinearOperator>(
  options: ProblemCommandOptions,
  signal: AbortSignal,
  make: (problem: Problem) => Operator | Promise<Operator>,
  part?: (data: Dataset) => Dataset,
): Promise<Setting<Operator>> {
  const opened = await openProblem(options, signal, part);
  try {
    const operator = await make(opened.problem);
    return {
      ...opened,
      operator,
      async [Symbol.asyncDispose]() {
        await disposed(operator);
        await opened[Symbol.asyncDispose]();
      },
    };
  } catch (error) {
    await opened[Symbol.asyncDispose]();
    throw error;
  }
}

/** The problem and the operator that the options name. */
export function openSetting(options: SubjectOptions, signal: AbortSignal): Promise<Setting> {
  return openWith(options, signal, (problem) => buildOperator(options.operator, problem));
}

/** Releases what an operator holds, if it holds anything. */
export async function disposed(operator: LinearOperator & Partial<AsyncDisposable>): Promise<void> {
  await operator[Symbol.asyncDispose]?.();
}
