/**
 * What units cost by the curvature of their gates, the others as they are.
 *
 *     alone       ½ C_uu                            Fisher, as Taylor's second term
 *     together    ½ C_uu + Σ_{v gone} C_uv          what u adds to ½ Σ_{u,v gone} C_uv
 */
import type { ChannelCosts } from "../select/channelCosts.ts";
import type { GateDirections } from "./gateDirections.ts";

export interface GateCosts extends ChannelCosts {
  readonly predicted: number;
}

/** @param together Whether what went before counts. */
export function gateCosts(
  { rows: { rows: height, columns, data }, column }: GateDirections,
  together: boolean,
): GateCosts {
  const squares = new Float64Array(columns);
  for (let r = 0; r < height; r++) for (let c = 0; c < columns; c++) squares[c]! += data[r * columns + c]! ** 2;
  /** Σ of the columns that are gone, and what each column shares with it. */
  const gone = new Float64Array(height);
  const shared = new Float64Array(columns);
  let predicted = 0;
  const cost = (unit: number): number => {
    const c = column.get(unit);
    return c === undefined ? Number.POSITIVE_INFINITY : squares[c]! / 2 + (together ? shared[c]! : 0);
  };
  return {
    cost,
    get predicted() {
      return predicted;
    },
    remove(unit) {
      predicted += cost(unit);
      const own = column.get(unit);
      if (own === undefined) return;
      for (let r = 0; r < height; r++) gone[r]! += data[r * columns + own]!;
      shared.fill(0);
      for (let r = 0; r < height; r++)
        for (let c = 0; c < columns; c++) shared[c]! += gone[r]! * data[r * columns + c]!;
    },
  };
}
