/**
 * The errors that callers may want to tell apart, and the one form in which they speak:
 *
 *     Cannot <action> as <the condition that failed>
 *       <label>   <fact>
 *
 * The facts are fields too, so a program can read them. docs/errors.md has a paragraph on each class.
 */

/** What an error knows. Labels appear in the message in this order; further labels follow. */
export interface ErrorFacts {
  /** Where: node, file, row, input. */
  readonly at?: string;
  readonly expected?: string | number;
  readonly found?: string | number;
  /** What to do about it. */
  readonly try?: string;
  readonly [label: string]: string | number | undefined;
}

/** Base of Hessonite's errors. The message carries every fact it was given. */
export class HessoniteError extends Error {
  readonly facts: ErrorFacts;

  constructor(problem: string, facts: ErrorFacts = {}, options?: { readonly cause?: unknown }) {
    super([problem, ...factLines(facts)].join("\n"), options);
    this.name = new.target.name;
    this.facts = facts;
  }
}

/** An operator of the graph has no derivative rule, or none for the attributes it has here. */
export class NoDerivativeError extends HessoniteError {}

/** Two shapes, dtypes, lengths or spaces that had to agree do not. */
export class MismatchError extends HessoniteError {}

/** The file is no ONNX model, or uses what we do not (yet) know. */
export class UnsupportedModelError extends HessoniteError {}

/** An engine could not compile or run a program. */
export class EngineError extends HessoniteError {}

/** The caller asked for something that cannot be: bad data, bad options, an exhausted iterator. */
export class UsageError extends HessoniteError {}

const order = ["at", "expected", "found", "try"];
const rank = (label: string): number =>
  label === "try" ? order.length + 1 : (order.indexOf(label) + 1 || order.length + 1) - 1;

function factLines(facts: ErrorFacts): string[] {
  return Object.entries(facts)
    .filter(([, fact]) => fact !== undefined)
    .sort(([a], [b]) => rank(a) - rank(b))
    .map(([label, fact]) => `  ${label.padEnd(9)} ${fact}`);
}

/** Throws the signal's reason (or an AbortError) if the work was cancelled. */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  signal?.throwIfAborted();
}
