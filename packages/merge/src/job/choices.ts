/** What a merge leaves open, and what it was set to by held-out data or by evidence. */
import { type Regulariser, selectRegulariser } from "@hessonite/core";
import type { Judge } from "./judge.ts";

/**
 * | name    | what is open |
 * |---------|--------------|
 * | damping | δ of a merge by curvature |
 * | anchor  | what the merge is held to: the average, or the base where one is given |
 * | weights | each task's α, as a factor on the one it has |
 * | layers  | how far each layer goes from where the merge starts: the anchor, the base or the average |
 */
export const choiceNames = ["damping", "anchor", "weights", "layers"] as const;

export type ChoiceName = (typeof choiceNames)[number];

export type ChosenBy = "held-out data" | "evidence";

export interface Choice {
  readonly what: ChoiceName;
  /** Of the task or the layer; empty for the whole. */
  readonly of: string;
  readonly by: ChosenBy;
  readonly chosen: number | string;
  /** The criterion of what was tried, the larger the better: minus held-out loss, or log evidence. */
  readonly curve: readonly { readonly at: number | string; readonly value: number }[];
}

/** The held-out criterion looks at nothing but its metric. */
const noSpectrum = { eigenvalues: new Float64Array(), squaredNorm: 0, rows: 0, temperature: 1 };

/** Minus the held-out loss; a model that gives no finite loss is never the best. */
export async function worth(judge: Judge, theta: Float64Array): Promise<number> {
  const loss = await judge.loss(theta);
  return Number.isFinite(loss) ? -loss : Number.NEGATIVE_INFINITY;
}

/** The value of a grid that makes held-out loss least. */
export function bestOnGrid(
  grid: readonly number[],
  metric: (value: number) => Promise<number>,
): Promise<Pick<Regulariser, "regulariser" | "curve">> {
  return selectRegulariser(noSpectrum, { kind: "heldOut", grid, metric });
}

/** A factor of a grid that holds 1; 1 where no other is better. */
export async function bestFactor(
  grid: readonly number[],
  metric: (factor: number) => Promise<number>,
): Promise<{ readonly factor: number; readonly curve: Choice["curve"] }> {
  const { regulariser, curve } = await bestOnGrid(grid, metric);
  const valueAt = (factor: number): number =>
    curve.find((point) => point.regulariser === factor)?.value ?? Number.NEGATIVE_INFINITY;
  return {
    factor: valueAt(regulariser) > valueAt(1) ? regulariser : 1,
    curve: curve.map(({ regulariser: at, value }) => ({ at, value })),
  };
}
