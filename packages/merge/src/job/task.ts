/** What a merge starts from. */
import type { Dataset, Engine, Loss, OnnxModel, ProblemOptions } from "@hessonite/core";
import type { TaskCurvature } from "../curvature/task.ts";

export interface MergeTask {
  /** For messages and reports. */
  readonly name: string;
  readonly model: OnnxModel;
  /** Rows that curvature is measured on, or functions are matched on; labels only where the method needs them. */
  readonly data?: Dataset;
  /** Labelled rows that damping is chosen by; never measured on. */
  readonly heldOut?: Dataset;
  /** Curvature that was measured elsewhere, in place of data. */
  readonly curvature?: TaskCurvature;
  /** Relative; the number of rows unless given, 1 where there are none. */
  readonly weight?: number;
}

export interface MergeSetting {
  readonly tasks: readonly MergeTask[];
  readonly base?: OnnxModel;
  /** The base's own rows, for gradient matching. */
  readonly baseData?: Dataset;
  /** In place of the base's rows. */
  readonly baseCurvature?: TaskCurvature;
  readonly loss: Loss;
  readonly engine: Engine;
  readonly parameters?: ProblemOptions["parameters"];
  /** Parameters that are not merged and may differ in shape: every task keeps its own. `parameters` must leave them out. */
  readonly heads?: (name: string) => boolean;
  readonly output?: string;
  /** What was done to the models before, for the report. */
  readonly notes?: readonly string[];
  readonly memory?: number;
  readonly signal?: AbortSignal;
}

/** The tasks' weights where all have one. */
export function weightsOf({ tasks }: MergeSetting): readonly number[] | undefined {
  const given = tasks.flatMap(({ weight }) => (weight === undefined ? [] : [weight]));
  return given.length === tasks.length ? given : undefined;
}
