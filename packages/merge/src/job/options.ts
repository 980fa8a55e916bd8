/** What a merge is told, and what it gives. */
import type { MatchStep, OnnxModel, ParameterSpace, Vector } from "@hessonite/core";
import type { FisherKind } from "../curvature/fisherDiagonal.ts";
import type { CurvatureMerge } from "../curvature/mergeByCurvature.ts";
import type { CurvatureKind, TaskCurvature } from "../curvature/task.ts";
import { type WeightMethodName, type WeightParameters, weightMethodNames } from "../weights/methods.ts";
import type { Choice, ChoiceName } from "./choices.ts";
import type { ChosenMerge } from "./damping.ts";
import type { HeldOutMetric } from "./judge.ts";

const curvatureMethodNames = ["fisher", "regmean", "kfac", "ekfac", "block-diagonal", "ggn"] as const;

export type CurvatureMethodName = (typeof curvatureMethodNames)[number];

/** The curvature that a method measures. */
export function curvatureOf(method: CurvatureMethodName): CurvatureKind {
  return method === "fisher" ? "diagonal" : method;
}

export type MergeMethodName = WeightMethodName | CurvatureMethodName | "regmean++" | "gradient-matching" | "function";

export const mergeMethodNames: readonly MergeMethodName[] = [
  ...weightMethodNames,
  ...curvatureMethodNames,
  "regmean++",
  "gradient-matching",
  "function",
];

export function isWeightMethod(method: MergeMethodName): method is WeightMethodName {
  return (weightMethodNames as readonly string[]).includes(method);
}

export interface MergeOptions {
  readonly method: MergeMethodName;
  /** Of one tensor, for the methods of weights alone. */
  readonly weightParameters?: (tensor: string) => Partial<WeightParameters>;
  readonly fisher?: FisherKind;
  /** RegMean: a; 0.9 unless said. */
  readonly offDiagonal?: number;
  /** δ relative to the mean curvature; chosen unless given. */
  readonly damping?: number;
  /** What the merge by curvature is held to; chosen where a base is given, else the average. */
  readonly anchor?: "average" | "base" | OnnxModel;
  /** What is chosen on held-out data: damping and anchor unless said; without held-out data those by evidence. */
  readonly choose?: readonly ChoiceName[];
  /** Held-out loss to choose by: of the mean or the worst task. */
  readonly metric?: HeldOutMetric;
  /** Residual of the solve; 1e-12 unless said, 1e-3 (and 100 iterations) for more than 1,000 weights. */
  readonly relativeTolerance?: number;
  readonly maxIterations?: number;
  /** Function space: linearisations; 3 unless said. */
  readonly steps?: number;
  /** Called while the quadratics can still be multiplied with: exact ones live as long as their data are open. */
  readonly inspect?: (merged: Merged) => Promise<void>;
}

export interface Merged {
  readonly method: MergeMethodName;
  readonly space: ParameterSpace;
  readonly values: Vector;
  /** Of methods by curvature: quadratics, damping and its curve, the value that was minimised, how the solve ended. */
  readonly curvature?: (ChosenMerge | CurvatureMerge) & { readonly tasks: readonly TaskCurvature[] };
  /** Of matching functions. */
  readonly match?: {
    readonly before: number;
    readonly after: number;
    readonly steps: readonly MatchStep[];
    readonly fewestRows: number;
  };
  /** What was chosen beside the damping. */
  readonly choices: readonly Choice[];
  readonly notes: readonly string[];
}

export const defaultChoices: readonly ChoiceName[] = ["damping", "anchor"];
