/**
 * The command line: words in, an exit code out.
 *
 *     0  done        1  it failed, or the answer is no        2  the words make no sense        130  cancelled
 */

import { HessoniteError } from "@hessonite/core";
import { Command, CommanderError } from "commander";
import { z } from "zod";
import type { AnyCommand } from "./command.ts";
import { commands } from "./commands/index.ts";
import { prepareOutputFiles } from "./options/outputFiles.ts";
import { changesSince, writeRunFiles } from "./record/runFile.ts";
import { CommandLineError } from "./schema/commandLineError.ts";
import { configSchema, readConfig } from "./schema/configFile.ts";
import { fieldsOf } from "./schema/field.ts";
import { addFlags, givenValues } from "./schema/flags.ts";
import { validated } from "./schema/validate.ts";
import { progressOn } from "./terminal/progress.ts";
import { paintFor, type Terminal } from "./terminal/terminal.ts";
import { version } from "./version.ts";

const exitCodes = { done: 0, failed: 1, usage: 2, cancelled: 130 } as const;

/** Options that every command has. */
interface CommonOptions {
  readonly config?: string;
  readonly json?: boolean;
  readonly jsonSchema?: boolean;
  readonly debug?: boolean;
}

/**
 * Runs one command line.
 *
 * @param words What follows `hessonite`.
 * @returns The exit code. Errors are printed, not thrown.
 */
export async function runCommandLine(
  words: readonly string[],
  terminal: Terminal,
  signal: AbortSignal,
): Promise<number> {
  let code: number = exitCodes.done;
  const program = programFor(terminal, async (command, parsed) => {
    code = await runCommand(command, parsed, terminal, signal);
  });
  try {
    await program.parseAsync([...words], { from: "user" });
    return code;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.done : exitCodes.usage;
    return report(error, terminal, words.includes("--debug"), signal);
  }
}

function programFor(terminal: Terminal, run: (command: AnyCommand, parsed: Command) => Promise<void>): Command {
  const program = quiet(new Command("hessonite"), terminal)
    .description("Curvature of ONNX models: a model file and a data file are all it takes.")
    .version(version, "--version", "print the version");
  for (const command of commands) {
    const words = command.name.split(" "); // "influence evaluate" is a command of the command influence
    const parent = program.commands.find((other) => words.length > 1 && other.name() === words[0]) ?? program;
    const sub = quiet(parent.command(words.at(-1) ?? ""), terminal).description(command.summary);
    addFlags(sub, fieldsOf(command.options), command.positionals);
    sub
      .option("--config <file>", "read options from a YAML file; those on the command line go before")
      .option("--json", "print the result as one JSON document")
      .option("--json-schema", "print the JSON schemas of options and result, and do nothing")
      .option("--debug", "show where in the code an error comes from");
    if (command.examples.length > 0)
      sub.addHelpText("after", `\nExamples:\n${command.examples.map((e) => `  ${e}`).join("\n")}`);
    sub.action(() => run(command, sub));
  }
  return program;
}

function quiet(program: Command, { out, err }: Terminal): Command {
  return program
    .exitOverride()
    .enablePositionalOptions()
    .configureOutput({ writeOut: out, writeErr: err })
    .showSuggestionAfterError()
    .helpCommand(false)
    .configureHelp({ showGlobalOptions: false });
}

async function runCommand(
  command: AnyCommand,
  parsed: Command,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<number> {
  const { config, json, jsonSchema } = parsed.opts() as CommonOptions;
  if (jsonSchema) {
    terminal.out(`${JSON.stringify(schemasOf(command), null, 2)}\n`);
    return exitCodes.done;
  }
  const { positionals } = command;
  const fields = fieldsOf(command.options);
  const replayed = config ? await readConfig(config, fields, command.name) : { values: {} };
  const given = { ...replayed.values, ...givenValues(parsed, fields, positionals) };
  const options = validated(command.options, given, command.name, positionals, fields);
  const note = (text: string): void => terminal.err(`${text}\n`);
  if ("record" in replayed && replayed.record) for (const change of await changesSince(replayed.record)) note(change);
  await prepareOutputFiles(options);
  const executed = await command.execute(options, { signal, progress: progressOn(terminal), note });
  await writeRunFiles({ command: command.name, given, fields });
  terminal.out(`${json ? JSON.stringify(executed.result, null, 2) : executed.show(paintFor(terminal))}\n`);
  return executed.failed ? exitCodes.failed : exitCodes.done;
}

function schemasOf({ options, result }: AnyCommand): object {
  return {
    options: configSchema(options),
    result: z.toJSONSchema(result, { io: "output", unrepresentable: "any" }),
  };
}

function report(error: unknown, terminal: Terminal, debug: boolean, signal: AbortSignal): number {
  if (signal.aborted) {
    terminal.err("Cancelled\n");
    return exitCodes.cancelled;
  }
  terminal.err(`${told(error)}\n`);
  if (debug) terminal.err(`${stackOf(error)}\n`);
  return error instanceof CommandLineError ? exitCodes.usage : exitCodes.failed;
}

function told(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  if (error instanceof HessoniteError) return text;
  const { path, syscall } = error as NodeJS.ErrnoException;
  if (path !== undefined && syscall !== undefined)
    return `Cannot use a file as the system refuses it\n  at        ${path}\n  found     ${text}`;
  return `internal: ${text}\n  try       run again with --debug and report what it prints`;
}

function stackOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause === undefined ? "" : `\ncaused by ${stackOf(error.cause)}`;
  return `${error.stack ?? error.message}${cause}`;
}
