/** Quadratures as curves: each node a Gaussian of its weight. */
import type { Vector } from "../operators/linearOperator.ts";
import { meanAndError } from "./estimate.ts";
import type { Quadrature } from "./quadrature.ts";

export interface DensityOptions {
  /** Points of the grid, 512 unless said. */
  readonly points?: number;
  /** σ of the Gaussians, in units of the grid; a hundredth of the nodes' range unless said. */
  readonly width?: number;
  /** Ends of the grid; the outermost nodes, with room for their Gaussians, unless said. */
  readonly range?: readonly [from: number, to: number];
}

export interface Density {
  /** t, ascending. */
  readonly grid: Vector;
  /** φ_σ(t): part of the eigenvalues per unit of t. */
  readonly density: Vector;
  /** Of the density, at each point of the grid, over probes. */
  readonly standardError: Vector;
  /** σ */
  readonly width: number;
}

/** φ_σ(t) = mean over quadratures of Σ_j w_j N(t; θ_j, σ²). */
export function densityOf(quadratures: readonly Quadrature[], options: DensityOptions = {}): Density {
  const ends = endsOf(quadratures);
  const width = options.width ?? defaultWidth(ends);
  const [from, to] = options.range ?? [ends[0] - 4 * width, ends[1] + 4 * width];
  const grid = evenly(from, to, options.points ?? 512);
  const curves = quadratures.map((quadrature) => broadened(quadrature, grid, width));
  const points = Array.from(grid, (_, at) => meanAndError(curves.map((curve) => curve[at] ?? 0)));
  return {
    grid,
    density: Float64Array.from(points, ({ mean }) => mean),
    standardError: Float64Array.from(points, ({ standardError }) => standardError),
    width,
  };
}

/** Σ_j w_j N(t; θ_j, σ²) */
export function broadened({ nodes, weights }: Quadrature, grid: Vector, width: number): Vector {
  const peak = 1 / (width * Math.sqrt(2 * Math.PI));
  return grid.map((t) =>
    nodes.reduce((sum, node, j) => sum + (weights[j] ?? 0) * peak * Math.exp(-0.5 * ((t - node) / width) ** 2), 0),
  );
}

/** The outermost nodes. */
function endsOf(quadratures: readonly Quadrature[]): [least: number, most: number] {
  return quadratures
    .flatMap(({ nodes }) => Array.from(nodes))
    .reduce<[number, number]>(
      ([least, most], node) => [Math.min(least, node), Math.max(most, node)],
      [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY],
    );
}

/** A hundredth of the nodes' range; if that is nothing but rounding, of their size; for zero, of 1. */
function defaultWidth([least, most]: readonly [number, number]): number {
  const scale = Math.max(Math.abs(least), Math.abs(most));
  const spread = most - least > 1e-12 * scale ? most - least : scale;
  return 0.01 * (spread || 1);
}

function evenly(from: number, to: number, points: number): Vector {
  return Float64Array.from({ length: points }, (_, i) => from + ((to - from) * i) / Math.max(1, points - 1));
}
