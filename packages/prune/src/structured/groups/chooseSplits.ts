/**
 * Which part of a split axis carries the channels.
 *
 *     [B, T, H·D] → [B, T, H, D]        a head goes, or the same position of every head; never an arbitrary index
 *
 * A part along which activations are multiplied matrix by matrix is heads, and is taken; else the longest part that may
 * shrink at all. Found by a first pass in which every part has atoms of its own.
 */

import type { OnnxModel } from "@hessonite/core";
import { type Propagation, propagate, type SplitChoices } from "./propagate.ts";
import type { SplitAnswer } from "./ruleContext.ts";
import type { KnownValues } from "./values.ts";

export function chooseSplits(model: OnnxModel, known: KnownValues): SplitChoices {
  const explored = propagate(model, known);
  const heads = new Set(explored.headAtoms.map((atom) => explored.atoms.find(atom)));
  return new Map(explored.open.map(({ key, parts }) => [key, partFor(parts, explored, heads)]));
}

function partFor(parts: readonly Int32Array[], { atoms }: Propagation, heads: ReadonlySet<number>): SplitAnswer {
  const candidates = parts
    .map((part, position) => ({
      position,
      length: part.length,
      heads: part.some((atom) => heads.has(atoms.find(atom))),
      free: part.some((atom) => atoms.reason(atom) === undefined),
    }))
    .filter(({ free }) => free)
    .sort((a, b) => Number(b.heads) - Number(a.heads) || b.length - a.length);
  return candidates[0]?.position ?? atoms.reason(parts[0]![0]!)!;
}
