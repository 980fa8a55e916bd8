/** Which branches go, until a budget is met: each time the one that costs least for what it saves. */
import { type OnnxNode, UsageError } from "@hessonite/core";
import type { ChannelGraph } from "../groups/channelGroups.ts";
import type { ChannelCosts } from "../select/channelCosts.ts";
import { elementBytes, type ModelCost, nodeFlops } from "../select/cost.ts";
import type { ChannelBudget } from "../select/select.ts";
import type { ResidualBranch } from "./residualBranches.ts";

export interface SelectedBranches {
  /** Places in the list, in the order in which they went. */
  readonly removed: readonly number[];
  /** All that went with them. */
  readonly gone: ReadonlySet<OnnxNode>;
  readonly predicted: number | undefined;
  readonly met: boolean;
}

/**
 * @param whole What the model costs before.
 * @throws {UsageError} if the share is not between 0 and 1.
 */
export function selectBranches(
  graph: ChannelGraph,
  branches: readonly ResidualBranch[],
  costs: ChannelCosts,
  { of, share }: ChannelBudget,
  whole: ModelCost,
): SelectedBranches {
  if (!(share > 0 && share < 1))
    throw new UsageError("Cannot prune by a share that is not between 0 and 1", { found: share });
  const saved = savings(graph);
  const all = of === "channels" ? branches.length : whole[of];
  const gone = new Set<OnnxNode>();
  const removed: number[] = [];
  const amount = (dead: ReadonlySet<OnnxNode>): number => (of === "channels" ? removed.length : saved(dead)[of]);
  const left = new Set(branches.keys());
  while (amount(gone) / all < share - 1e-12) {
    for (const i of left) if (gone.has(branches[i]!.sum)) left.delete(i); // inside another, or its sum is gone
    const best = cheapest([...left], (i) => {
      const more = new Set([...gone, ...branches[i]!.nodes, branches[i]!.sum]);
      const saving = of === "channels" ? 1 : saved(more)[of] - saved(gone)[of];
      return costs.cost(i) / Math.max(saving, Number.MIN_VALUE);
    });
    if (best === undefined) break;
    costs.remove(best);
    removed.push(best);
    left.delete(best);
    for (const node of [...branches[best]!.nodes, branches[best]!.sum]) gone.add(node);
  }
  return { removed, gone, predicted: costs.predicted, met: amount(gone) / all >= share - 1e-12 };
}

function cheapest(places: readonly number[], scoreOf: (place: number) => number): number | undefined {
  let best: { readonly place: number; readonly score: number } | undefined;
  for (const place of places) {
    const score = scoreOf(place);
    if (!best || score < best.score) best = { place, score };
  }
  return best?.place;
}

/** What a model without some nodes saves: their operations, and the stored tensors that only they took. */
function savings({ propagation }: ChannelGraph): (gone: ReadonlySet<OnnxNode>) => ModelCost {
  const flops = nodeFlops(propagation);
  const users = new Map<string, Set<OnnxNode>>();
  for (const { node, name } of propagation.uses) users.set(name, (users.get(name) ?? new Set()).add(node));
  const tensors = [...users].map(([name, nodes]) => {
    const dtype = propagation.storedDtype(name) ?? "float32";
    const elements = (propagation.known.values.get(name)?.shape ?? []).reduce((n, d) => n * d, 1);
    return {
      nodes: [...nodes],
      parameters: dtype.includes("float") ? elements : 0,
      bytes: elements * elementBytes(dtype),
    };
  });
  return (gone) => {
    const dead = tensors.filter(({ nodes }) => nodes.every((node) => gone.has(node)));
    return {
      flops: [...gone].reduce((sum, node) => sum + (flops.get(node) ?? 0), 0),
      parameters: dead.reduce((sum, { parameters }) => sum + parameters, 0),
      bytes: dead.reduce((sum, { bytes }) => sum + bytes, 0),
    };
  };
}
