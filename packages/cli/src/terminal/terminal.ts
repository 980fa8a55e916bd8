/** Where a command's words go: results to `out`, everything else to `err`. */
import pc from "picocolors";

export interface Terminal {
  out(text: string): void;
  err(text: string): void;
  /** Whether `out` shows colours. */
  readonly colour: boolean;
  /** Whether a person watches `err`: progress bars are drawn only then. */
  readonly interactive: boolean;
}

/** Colours, or their absence. */
export type Paint = ReturnType<typeof pc.createColors>;

export function paintFor({ colour }: Terminal): Paint {
  return pc.createColors(colour);
}

/** The terminal of this process. */
export function processTerminal(): Terminal {
  return {
    out: (text) => process.stdout.write(text),
    err: (text) => process.stderr.write(text),
    colour: Boolean(process.stdout.isTTY) && pc.isColorSupported,
    interactive: Boolean(process.stderr.isTTY),
  };
}
