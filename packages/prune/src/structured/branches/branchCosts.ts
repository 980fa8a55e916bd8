/**
 * What branches cost.
 *
 *     magnitude    Σ w² / number of its weights, relative to the mean branch's
 *     obs          E ‖f(x)‖² / E ‖x + f(x)‖²                 the sum's squared error
 *     fisher       ½ E (∂ℓ/∂m)²,  f → m f                    each alone, by labelled rows
 *     ggn          ½ Σ_{u,v gone} C_uv                       together, by the exact GGN of the gates
 */
import { type Dataset, type Engine, type Loss, UsageError } from "@hessonite/core";
import { gateCosts } from "../gates/gateCosts.ts";
import { gateDirections } from "../gates/gateDirections.ts";
import type { ChannelGraph } from "../groups/channelGroups.ts";
import { activations } from "../layers/activations.ts";
import type { ChannelCosts } from "../select/channelCosts.ts";
import type { ResidualBranch } from "./residualBranches.ts";
import { gateBranches } from "./withoutBranches.ts";

export const layerCostNames = ["magnitude", "obs", "fisher", "ggn"] as const;
export type LayerCostName = (typeof layerCostNames)[number];

export interface BranchCostOptions {
  readonly by?: LayerCostName;
  readonly data: Dataset;
  readonly loss?: Loss;
  readonly engine?: Engine;
  readonly signal?: AbortSignal;
}

/**
 * Costs of branches by their place in the list; made anew at each call, nothing gone.
 *
 * @throws {UsageError} if costs of the loss are asked for without one, or there are no rows.
 */
export async function measureBranches(
  file: Uint8Array,
  graph: ChannelGraph,
  branches: readonly ResidualBranch[],
  { by = "ggn", data, loss, engine, signal }: BranchCostOptions,
): Promise<() => ChannelCosts> {
  if (by === "magnitude") return fixed(magnitudes(graph, branches));
  if (by === "obs") return fixed(await squaredErrors(file, branches, data, signal));
  if (!loss) throw new UsageError(`Cannot measure "${by}" costs as no loss says what predictions are`);
  const gated = gateBranches(file, graph, branches);
  const gates = gated.names.map((name, i) => ({ name, channels: [i] }));
  const kind = by === "ggn" ? "type-2" : "empirical";
  const directions = await gateDirections({ file: gated.file, gates }, kind, { data, loss, engine, signal });
  return () => gateCosts(directions, by === "ggn");
}

function fixed(costs: readonly number[]): () => ChannelCosts {
  return () => ({ cost: (branch) => costs[branch]!, remove: () => {} });
}

function magnitudes({ propagation }: ChannelGraph, branches: readonly ResidualBranch[]): number[] {
  const means = branches.map(({ weights }) => {
    const all = weights.flatMap((name) => propagation.stored(name) ?? []);
    const squares = all.reduce((sum, { data }) => Array.from(data).reduce((s, w) => s + w * w, sum), 0);
    return (
      squares /
      Math.max(
        1,
        all.reduce((n, { data }) => n + data.length, 0),
      )
    );
  });
  const mean = means.reduce((sum, m) => sum + m, 0) / means.length || 1;
  return means.map((m) => m / mean);
}

async function squaredErrors(
  file: Uint8Array,
  branches: readonly ResidualBranch[],
  data: Dataset,
  signal: AbortSignal | undefined,
): Promise<number[]> {
  const names = branches.map(({ sum, operand }) => [sum.inputs[operand]!, sum.outputs[0]!] as const);
  const [own, whole] = [new Float64Array(branches.length), new Float64Array(branches.length)];
  const square = (values: ArrayLike<number>): number => Array.from(values).reduce((sum, v) => sum + v * v, 0);
  for await (const { values } of activations(file, names.flat(), data, signal ? { signal } : {})) {
    names.forEach(([branch, sum], i) => {
      own[i]! += square(values[branch]!.data);
      whole[i]! += square(values[sum]!.data);
    });
  }
  return Array.from(own, (error, i) => error / (whole[i]! || 1));
}
