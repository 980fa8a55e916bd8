/**
 * What a command is: a schema of options, a function, a schema of its result, and how the result looks to a person.
 *
 * One file, one command; `commands/index.ts` lists them. The command line, the configuration file, the help and the JSON
 * schema all follow from the two schemas.
 */
import type { z } from "zod";
import type { Progress } from "./terminal/progress.ts";
import type { Paint } from "./terminal/terminal.ts";

export interface CommandContext {
  readonly signal: AbortSignal;
  readonly progress: Progress;
  /** Something a person should know beside the result. */
  note(text: string): void;
}

export interface Outcome<Result> {
  readonly result: Result;
  /** True if the result means "no": exit code 1. */
  readonly failed?: boolean;
}

export interface CommandDefinition<Options extends z.ZodObject, Result extends z.ZodType> {
  readonly name: string;
  readonly summary: string;
  readonly options: Options;
  /** Keys of `options` that are given without a flag, in order; a list comes last. */
  readonly positionals: readonly (keyof Options["shape"] & string)[];
  readonly result: Result;
  /** Command lines, for the help. */
  readonly examples?: readonly string[];
  run(options: z.output<Options>, context: CommandContext): Promise<Outcome<z.output<Result>>>;
  /** The result for a person. */
  show(result: z.output<Result>, paint: Paint): string;
}

/** A command whose types are its own business. */
export interface AnyCommand {
  readonly name: string;
  readonly summary: string;
  readonly options: z.ZodObject;
  readonly positionals: readonly string[];
  readonly result: z.ZodType;
  readonly examples: readonly string[];
  /** Runs on options that the schema has passed. */
  execute(options: unknown, context: CommandContext): Promise<Executed>;
}

export interface Executed {
  readonly result: unknown;
  readonly failed: boolean;
  show(paint: Paint): string;
}

export function defineCommand<Options extends z.ZodObject, Result extends z.ZodType>(
  definition: CommandDefinition<Options, Result>,
): AnyCommand {
  const { name, summary, options, positionals, result: schema, examples = [] } = definition;
  return {
    name,
    summary,
    options,
    positionals,
    result: schema,
    examples,
    async execute(given, context) {
      const { result, failed = false } = await definition.run(given as z.output<Options>, context);
      return { result, failed, show: (paint) => definition.show(result, paint) };
    },
  };
}
