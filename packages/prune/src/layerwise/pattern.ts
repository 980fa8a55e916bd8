/**
 * What goes together, and how much may go where.
 *
 * A unit is a block of `height` rows by `width` columns (1 × 1 for elements, 1 × 4, 4 × 1, out × 1 for whole columns, 1 × in
 * for whole rows). With n:m at most n weights of every m neighbours along the input axis are kept.
 */
import { type Matrix, UsageError } from "@hessonite/core";

export type Pattern =
  | { readonly kind: "element" }
  | { readonly kind: "n:m"; readonly n: number; readonly m: number }
  | { readonly kind: "block"; readonly height: number; readonly width: number }
  | { readonly kind: "row" }
  | { readonly kind: "column" };

/** A pattern at a layer's size. */
export interface Units {
  readonly height: number;
  readonly width: number;
  /** Units along the input axis. */
  readonly across: number;
  /** Groups of rows that share a mask. */
  readonly down: number;
  /** n:m: how many units of each group of `of` must go; absent where any unit may go. */
  readonly quota?: { readonly zeros: number; readonly of: number };
}

/** element, row, column, n:m as 2:4, blocks as block1x4. */
export function parsePattern(text: string): Pattern {
  if (text === "element" || text === "row" || text === "column") return { kind: text };
  const ratio = /^(\d+):(\d+)$/.exec(text);
  if (ratio) return { kind: "n:m", n: Number(ratio[1]), m: Number(ratio[2]) };
  const block = /^block(\d+)x(\d+)$/.exec(text);
  if (block) return { kind: "block", height: Number(block[1]), width: Number(block[2]) };
  throw new UsageError("Cannot prune by this granularity as there is none of this name", {
    found: text,
    expected:
      "element, 2:4 or another n:m, block1x4 or another block, row, column; whole models also channel, head, layer, rank",
  });
}

export function patternName(pattern: Pattern): string {
  if (pattern.kind === "n:m") return `${pattern.n}:${pattern.m}`;
  return pattern.kind === "block" ? `block${pattern.height}x${pattern.width}` : pattern.kind;
}

/**
 * @throws {UsageError} if the layer cannot take the pattern: its sides are no multiple of the block or of m.
 */
export function unitsOf(pattern: Pattern, { rows, columns }: Pick<Matrix, "rows" | "columns">): Units {
  const reason = misfit(pattern, { rows, columns });
  if (reason !== undefined) {
    throw new UsageError(`Cannot prune a layer by ${patternName(pattern)} as ${reason}`, {
      found: `${rows} × ${columns}`,
    });
  }
  const { height, width } = blockOf(pattern, rows, columns);
  const base = { height, width, across: columns / width, down: rows / height };
  return pattern.kind === "n:m" ? { ...base, quota: { zeros: pattern.m - pattern.n, of: pattern.m } } : base;
}

/** Why a layer cannot take a pattern; undefined if it can. */
export function misfit(pattern: Pattern, { rows, columns }: Pick<Matrix, "rows" | "columns">): string | undefined {
  if (pattern.kind === "n:m") {
    const { n, m } = pattern;
    if (!(n >= 0 && n < m)) return "n is not below m";
    return columns % m === 0 ? undefined : `its ${columns} inputs are no multiple of ${m}`;
  }
  const { height, width } = blockOf(pattern, rows, columns);
  if (!(height > 0 && width > 0)) return "a block has no sides";
  if (columns % width !== 0) return `its ${columns} inputs are no multiple of ${width}`;
  return rows % height === 0 ? undefined : `its ${rows} outputs are no multiple of ${height}`;
}

function blockOf(pattern: Pattern, rows: number, columns: number): { height: number; width: number } {
  if (pattern.kind === "block") return pattern;
  if (pattern.kind === "row") return { height: 1, width: columns };
  return pattern.kind === "column" ? { height: rows, width: 1 } : { height: 1, width: 1 };
}

/** The mask (1 = pruned) of chosen units `[down, across]`, spread over the weights `[rows, columns]`. */
export function spread(chosen: Uint8Array, { height, width, across, down }: Units): Uint8Array {
  const columns = across * width;
  const mask = new Uint8Array(down * height * columns);
  for (let at = 0; at < mask.length; at++) {
    const [row, column] = [Math.floor(at / columns), at % columns];
    mask[at] = chosen[Math.floor(row / height) * across + Math.floor(column / width)]!;
  }
  return mask;
}
