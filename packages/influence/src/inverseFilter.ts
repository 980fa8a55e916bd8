/** (H + δ)⁻¹ of a block as a filter of gradients. */
import { type BlockFilter, type Matrix, matrix, UsageError } from "@hessonite/core";
import { type BlockCurvature, outer } from "./curvature.ts";
import type { Inversion } from "./options.ts";

/** The filter of a block; without curvature the identity. */
export function inverseFilter(block: BlockCurvature, damping: number, inversion: Inversion): BlockFilter {
  if (!block.values) return {};
  const weights = inversion === "factored" ? factored(block, damping) : mapped(block.values, rules[inversion](damping));
  return { ...block.basis, weights };
}

const rules = {
  tikhonov: (damping: number) => (x: number) => 1 / (Math.max(x, 0) + damping),
  "pseudo-inverse": (damping: number) => (x: number) => (x > damping ? 1 / x : 0),
};

function mapped({ rows, columns, data }: Matrix, f: (x: number) => number): Matrix {
  return matrix(rows, columns, data.map(f));
}

/**
 * 1/((g + √δ/π)(a + √δ·π)), π = √(mean a / mean g).
 *
 * Source: Martens & Grosse (2015), arXiv:1503.05671, section 6.3.
 */
function factored({ shape, kronecker }: BlockCurvature, damping: number): Matrix {
  if (!kronecker) {
    throw new UsageError("Cannot invert factor by factor as the strategy has no Kronecker factors", {
      at: shape.name,
      try: 'strategy "kfac", or inversion "tikhonov"',
    });
  }
  const mean = (d: Float64Array): number => d.reduce((sum, x) => sum + x, 0) / d.length;
  const { g, a } = kronecker;
  const ratio = Math.sqrt(mean(a) / mean(g));
  const root = Math.sqrt(damping);
  return outer(
    g.map((x) => 1 / (Math.max(x, 0) + root / ratio)),
    a.map((x) => 1 / (Math.max(x, 0) + root * ratio)),
  );
}
