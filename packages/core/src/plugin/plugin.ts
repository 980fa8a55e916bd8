/**
 * What a plugin is: schemas of what it takes and gives, and one function between them.
 *
 * The host validates at the border, opens models and data, builds the operators that are asked for and shares them between
 * plugins. Flags, help, the JSON schema and configuration files follow from the schemas. A plugin of a third party is the
 * same as one of ours.
 *
 * @example
 * ```ts no-run
 * export const traceOf = definePlugin({
 *   name: "trace",
 *   summary: "The trace of a curvature matrix.",
 *   requires: { curvature: operatorSpec().default({ kind: "ekfac" }) },
 *   inputs: { model: modelRef, train: datasetRef },
 *   options: z.object({ loss: lossSpec }),
 *   result: z.object({ trace: z.number() }),
 *   async run({ inputs, operators, options, problem, signal }) {
 *     const train = await problem({ model: inputs.model, data: inputs.train, loss: options.loss });
 *     const op = await operators.curvature(train);
 *     return { trace: await op.exact!.trace!() };
 *   },
 * });
 * ```
 */
import type { z } from "zod";
import type { Engine } from "../engine/engine.ts";
import type { Tensor } from "../ir/tensor.ts";
import type { KroneckerFactors } from "../operators/factors/kroneckerFactors.ts";
import type { FactorOptions } from "../operators/factors/request.ts";
import type { LinearOperator } from "../operators/linearOperator.ts";
import type { Problem } from "../operators/problem.ts";
import type { OperatorSpec } from "./operatorSpec.ts";
import type { DatasetRef, LossSpec, ModelRef } from "./references.ts";

/** Schemas by name. */
export type Schemas = Readonly<Record<string, z.ZodType>>;
type Outputs<S extends Schemas> = { readonly [K in keyof S]: z.output<S[K]> };

export interface StageProgress {
  readonly stage: string;
  readonly done: number;
  readonly total: number;
}

/** Which problem a plugin wants: the same wishes give the same problem. */
export interface ProblemRequest {
  readonly model: ModelRef;
  readonly data: DatasetRef;
  readonly loss: LossSpec;
  readonly parameters?: readonly string[];
  readonly output?: string;
}

/** What the host offers beside the validated inputs. */
export interface PluginServices {
  readonly engine: Engine;
  /** A problem, opened once for all who ask for it; the host closes it. */
  problem(request: ProblemRequest): Promise<Problem>;
  /** Kronecker factors, computed once for all who ask for them. */
  factors(problem: Problem, options?: FactorOptions): Promise<KroneckerFactors>;
  /** An operator of a problem, built once for all who ask for it. */
  operator(spec: OperatorSpec, problem: Problem): Promise<LinearOperator>;
  /**
   * Arrays that are computed once and kept on disk between runs, under the hash of `key`. `key` must hold all that they
   * depend on; contents of model and data are told by `identity`.
   */
  arrays(
    key: unknown,
    make: () => Promise<Readonly<Record<string, Tensor>>>,
  ): Promise<Readonly<Record<string, Tensor>>>;
  /** What was kept under a key in this or an earlier run: one batch's part of a long result. Undefined without a cache. */
  kept(key: unknown): Promise<Readonly<Record<string, Tensor>> | undefined>;
  keep(key: unknown, arrays: Readonly<Record<string, Tensor>>): Promise<void>;
  /** What a model or data file holds, as a hash; undefined for what lives in memory alone. */
  identity(reference: ModelRef | DatasetRef): Promise<string | undefined>;
  readonly signal: AbortSignal;
  progress(progress: StageProgress): void;
  /** Something a person should know beside the result. */
  note(text: string): void;
}

export interface PluginContext<Inputs, Operators, Options> extends PluginServices {
  readonly inputs: Inputs;
  /** The operators of `requires`, each built when it is asked for a problem. */
  readonly operators: { readonly [K in keyof Operators]: (problem: Problem) => Promise<LinearOperator> };
  /** Which operators those are. */
  readonly specs: Operators;
  readonly options: Options;
}

export interface PluginDefinition<
  Requires extends Schemas,
  Inputs extends Schemas,
  Options extends z.ZodObject,
  Result extends z.ZodType,
> {
  /** A word in lower case. */
  readonly name: string;
  readonly summary: string;
  /** Operators that it takes; schemas made from `operatorSpec()`. */
  readonly requires: Requires;
  readonly inputs: Inputs;
  readonly options: Options;
  readonly result: Result;
  run(context: PluginContext<Outputs<Inputs>, Outputs<Requires>, z.output<Options>>): Promise<z.input<Result>>;
}

/** A plugin whose types are its own business. */
export interface Plugin {
  readonly name: string;
  readonly summary: string;
  readonly requires: Schemas;
  readonly inputs: Schemas;
  readonly options: z.ZodObject;
  readonly result: z.ZodType;
  run(context: PluginContext<never, never, never>): Promise<unknown>;
}

/** A definition with its types: `host.run` knows what goes in and what comes out. */
export interface TypedPlugin<
  Requires extends Schemas,
  Inputs extends Schemas,
  Options extends z.ZodObject,
  Result extends z.ZodType,
> extends PluginDefinition<Requires, Inputs, Options, Result> {}

export function definePlugin<
  Requires extends Schemas,
  Inputs extends Schemas,
  Options extends z.ZodObject,
  Result extends z.ZodType,
>(definition: PluginDefinition<Requires, Inputs, Options, Result>): TypedPlugin<Requires, Inputs, Options, Result> {
  return definition;
}
