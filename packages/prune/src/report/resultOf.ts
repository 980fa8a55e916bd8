/** A pruned model as numbers: its points, its layers' zeros, its costs. */

import type { PathPoint } from "../network/path.ts";
import { dropOf, type PrunedModel } from "../network/pruneModel.ts";
import type { MethodResult } from "./result.ts";

export function methodResultOf(
  { method, prunable, dense, points, chosen }: PrunedModel,
  seconds: number,
): MethodResult {
  const shown = chosen ?? points[0];
  return {
    method,
    curvature: shown?.curvature ?? "",
    points: points.map(({ sparsity, zeros, predicted, measured }) => ({
      sparsity,
      zeros,
      predicted,
      loss: measured.loss,
      accuracy: measured.accuracy ?? null,
      drop: dropOf(dense, measured),
    })),
    chosen: chosen ? points.indexOf(chosen) : null,
    layers: prunable.layers.map(({ name, out, in: width, index }) => ({
      name,
      out,
      in: width,
      zeros: shown ? index.reduce((sum, at) => sum + Number(!shown.kept[at]), 0) : 0,
    })),
    costs: histogram(shown),
    seconds,
  };
}

const bins = 40;

/** Of log10 of the costs that are positive. */
function histogram(point: PathPoint | undefined): MethodResult["costs"] {
  const logs = (point?.costs ?? new Float64Array(0)).filter((cost) => cost > 0).map(Math.log10);
  if (logs.length === 0) return { edges: [], counts: [] };
  const [low, high] = logs.reduce(([a, b], x) => [Math.min(a, x), Math.max(b, x)], [Infinity, -Infinity]);
  const width = Math.max(high - low, 1e-9) / bins;
  const counts = new Array<number>(bins).fill(0);
  for (const x of logs) counts[Math.min(bins - 1, Math.floor((x - low) / width))]!++;
  return { edges: Array.from({ length: bins + 1 }, (_, i) => low + i * width), counts };
}
