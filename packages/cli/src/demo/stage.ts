/** What the demo's sections share: headings, commands shown as they are run, the files they run on. */
import { relative } from "node:path";
import { fileURLToPath } from "node:url";
import { runCommandLine } from "../commandLine.ts";
import { captureTerminal } from "../terminal/capture.ts";
import { cancelOnSignals } from "../terminal/signals.ts";
import { type Paint, paintFor, processTerminal, type Terminal } from "../terminal/terminal.ts";

/** One job that the demo shows; its exit code. */
export type Section = (stage: Stage) => Promise<number>;

export interface Stage {
  readonly terminal: Terminal;
  readonly paint: Paint;
  readonly signal: AbortSignal;
  heading(text: string): void;
  /** Shows the command line, then runs it; its exit code. */
  run(words: readonly string[]): Promise<number>;
  /** Shows the command line and runs it with `--json`; what it printed, or nothing if it failed. */
  json(words: readonly string[]): Promise<unknown>;
  /** Says which report was written. */
  reported(file: string): void;
}

export function demoStage(): Stage {
  const terminal = processTerminal();
  const paint = paintFor(terminal);
  const signal = cancelOnSignals();
  const run = (words: readonly string[], to: Terminal): Promise<number> => {
    terminal.out(`${paint.dim(`$ hessonite ${words.join(" ")}`)}\n\n`);
    return runCommandLine(words, to, signal);
  };
  return {
    terminal,
    paint,
    signal,
    heading: (text) => terminal.out(`\n${paint.bold(paint.cyan(text))}\n`),
    run: (words) => run(words, terminal),
    async json(words) {
      const capture = captureTerminal();
      const code = await run([...words, "--json"], capture);
      terminal.err(capture.errors);
      return code === 0 ? JSON.parse(capture.output) : undefined;
    },
    reported: (file) => terminal.out(`\nOpen ${paint.bold(file)} in a browser to see it.\n`),
  };
}

/** A file of the repository, as it is called from where the caller is. */
export function repositoryFile(path: string): string {
  return relative(process.cwd(), fileURLToPath(new URL(`../../../../${path}`, import.meta.url)));
}

/** A file of the digit classifier's. */
export function digits(name: string): string {
  return repositoryFile(`testdata/mnist/${name}`);
}
