/** A model's file with fewer layers: branches of residual sums that cost least go, and what is left is fitted. */
import { type MatchStep, type OnnxModel, readModelFile, UsageError } from "@hessonite/core";
import { type FittedLayer, leastSquares } from "../compensate/leastSquares.ts";
import { restoreMeans } from "../compensate/means.ts";
import { refitted } from "../compensate/refit.ts";
import { type ChannelGraph, channelGroups } from "../groups/channelGroups.ts";
import { shapesOf } from "../layers/shapes.ts";
import { costModel } from "../select/cost.ts";
import type { ChannelBudget } from "../select/select.ts";
import type { ShrinkBy, Shrunk } from "../shrunk.ts";
import { type BranchCostOptions, type LayerCostName, measureBranches } from "./branchCosts.ts";
import { type ResidualBranch, residualBranches, skippedLayers } from "./residualBranches.ts";
import { selectBranches } from "./selectBranches.ts";
import { standIns, withoutBranches } from "./withoutBranches.ts";

export const layerCompensations = ["none", "bias", "least-squares", "function-space"] as const;
export type BranchCompensation = (typeof layerCompensations)[number];

export interface PruneLayersOptions extends BranchCostOptions {
  readonly budget: ChannelBudget;
  /** "ggn" unless said. */
  readonly by?: LayerCostName;
  /** "least-squares" unless said. */
  readonly compensate?: BranchCompensation;
  /** Positions of a batch that a layer is looked at as it is fitted; 4,096 unless said. */
  readonly positions?: number;
  readonly onProgress?: (progress: { readonly stage: string; readonly done: number; readonly total: number }) => void;
}

export interface PrunedLayers extends Shrunk {
  /** Branches that went, in that order. */
  readonly removed: readonly string[];
  readonly fitted: readonly FittedLayer[];
  readonly refit?: { readonly before: number; readonly after: number; readonly steps: readonly MatchStep[] };
}

/**
 * @param source A model's file, or its bytes.
 * @throws {UsageError} if the model has no branch that may go, there are no calibration rows, or a loss is needed and not given.
 *
 * @example
 * ```ts no-run
 * const loss = lossByName("cross-entropy");
 * const small = await pruneLayers("vit.onnx", { data, loss, budget: { of: "flops", share: 0.25 } });
 * ```
 */
export async function pruneLayers(source: string | Uint8Array, options: PruneLayersOptions): Promise<PrunedLayers> {
  return (await openLayerPruning(source, options))(options.budget);
}

/** Measures the dense model once; what it gives prunes it by any budget. */
export async function openLayerPruning(
  source: string | Uint8Array,
  options: Omit<PruneLayersOptions, "budget">,
): Promise<ShrinkBy<PrunedLayers>> {
  const { bytes, model } = await readModelFile(source);
  const shapes = await shapesOf(model, options.data);
  const graph = channelGroups(model, shapes);
  const branches = residualBranches(graph);
  if (branches.length === 0) {
    throw new UsageError("Cannot prune layers as none is in a branch of a sum, whose shapes stay without it", {
      at: model.source,
      try: "granularity channel",
    });
  }
  const costs = await measureBranches(bytes, graph, branches, options);
  return async (budget) => {
    const before = costModel(graph, bytes.length).dense;
    const { removed, gone, predicted, met } = selectBranches(graph, branches, costs(), budget, before);
    const list = removed.map((i) => branches[i]!);
    const { file, ...fits } = await compensated({ source, bytes, graph, gone: list }, options);
    const left = channelGroups((await readModelFile(file)).model, shapes);
    return {
      file,
      removed: list.map(({ name }) => name),
      groups: branches.map(({ name, nodes }) => ({
        name,
        before: 1,
        after: Number([...nodes].some((node) => !gone.has(node))),
      })),
      skipped: skippedLayers(graph, branches),
      before,
      after: costModel(left, file.length).dense,
      ...(predicted === undefined ? {} : { predicted }),
      met,
      ...fits,
    };
  };
}

interface Removal {
  readonly source: string | Uint8Array;
  readonly bytes: Uint8Array;
  readonly graph: ChannelGraph;
  readonly gone: readonly ResidualBranch[];
}

type Fits = Pick<PrunedLayers, "file" | "fitted" | "refit">;

async function compensated(
  { source, bytes, graph, gone }: Removal,
  options: Omit<PruneLayersOptions, "budget">,
): Promise<Fits> {
  const { compensate = "least-squares", data, signal, positions, onProgress } = options;
  const bare = gone.length === 0 ? bytes : withoutBranches(bytes, graph, gone);
  if (compensate === "none" || gone.length === 0) return { file: bare, fitted: [] };
  const places = counterparts(graph, gone, (await readModelFile(bare)).model);
  const standsFor = (value: string): string => places.get(value) ?? value;
  if (compensate === "bias") {
    const file = await restoreMeans(bytes, bare, data, () => null, { standsFor, ...(signal ? { signal } : {}) });
    return { file, fitted: [] };
  }
  const { file, layers: fitted } = await leastSquares(bytes, bare, data, () => null, {
    standsFor,
    ...(positions === undefined ? {} : { positions }),
    ...(signal ? { signal } : {}),
    onProgress: ({ done, total }) => onProgress?.({ stage: "fitting layers", done, total }),
  });
  if (compensate === "least-squares") return { file, fitted };
  const { file: matched, before, after, steps } = await refitted(source, file, options);
  return { file: matched, fitted, refit: { before, after, steps } };
}

/**
 * The dense value that what is left of a sum stands for now: the sum, where nothing takes the operand as itself.
 *
 *     s₁ = x + f₁(x), s₂ = s₁ + f₂(s₁), both branches gone: x stands for s₂
 */
export function counterparts(
  { model, propagation: { nodes } }: ChannelGraph,
  gone: readonly ResidualBranch[],
  left: OnnxModel,
): ReadonlyMap<string, string> {
  const sums = new Set(gone.map(({ sum }) => sum));
  const made = new Set(left.nodes.flatMap(({ outputs }) => outputs));
  const live = nodes.filter((node) => !sums.has(node) && node.outputs.some((name) => made.has(name)));
  const taken = new Set([...model.outputs.map(({ name }) => name), ...live.flatMap(({ inputs }) => inputs)]);
  const chains = new Map<string, string[]>();
  for (const [sum, value] of standIns(gone)) chains.set(value, [...(chains.get(value) ?? [value]), sum]);
  return new Map(
    [...chains].flatMap(([value, chain]) => {
      const used = chain.filter((name) => taken.has(name));
      return used.length === 1 ? [[value, used[0]!] as const] : [];
    }),
  );
}
