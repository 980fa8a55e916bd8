/** A terminal that remembers, for tests and for programs that run a command line and read its words. */
import type { Terminal } from "./terminal.ts";

export interface Capture extends Terminal {
  /** Everything that went to `out` so far. */
  readonly output: string;
  /** Everything that went to `err` so far. */
  readonly errors: string;
}

export function captureTerminal(): Capture {
  const words = { out: "", err: "" };
  return {
    out(text) {
      words.out += text;
    },
    err(text) {
      words.err += text;
    },
    colour: false,
    interactive: false,
    get output() {
      return words.out;
    },
    get errors() {
      return words.err;
    },
  };
}
