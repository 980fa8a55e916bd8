/** What changes a model's shapes as it goes: a row a unit, with its costs, its compensations and what opens its pruning. */
import { UsageError } from "@hessonite/core";
import { layerCostNames } from "./branches/branchCosts.ts";
import { layerCompensations, openLayerPruning } from "./branches/pruneLayers.ts";
import { channelCompensations, openChannelPruning, type PruneChannelsOptions } from "./pruneChannels.ts";
import { openRankPruning, rankCompensations, rankCostNames } from "./ranks/pruneRanks.ts";
import { channelCostNames } from "./select/choose.ts";
import type { ShrinkBy } from "./shrunk.ts";

/** @throws {UsageError} as the curvature of these is measured once. */
function requireOneShot({ shots = 1 }: UnitSetting, words: string): void {
  if (shots > 1) throw new UsageError(`Cannot prune ${words} in several shots`, { found: shots, expected: 1 });
}

export type UnitSetting = Omit<PruneChannelsOptions, "budget" | "by" | "compensate" | "only">;

export interface StructuredUnit {
  /** In the plural: "channels". */
  readonly words: string;
  readonly costs: readonly string[];
  /** What `auto` stands for. */
  readonly auto: string;
  readonly compensations: readonly string[];
  /** Whether it is said how a budget is shared out between layers. */
  readonly sharedOut: boolean;
  /** @throws {UsageError} if the model has no such unit that may go. */
  open(source: string, by: string, compensate: string, setting: UnitSetting): Promise<ShrinkBy>;
}

const byChannels = (words: string, only?: PruneChannelsOptions["only"]): StructuredUnit => ({
  words,
  costs: channelCostNames,
  auto: "obs",
  compensations: channelCompensations,
  sharedOut: true,
  open: (source, by, compensate, setting) =>
    openChannelPruning(source, {
      ...setting,
      by: requireOne(channelCostNames, by),
      compensate: requireOne(channelCompensations, compensate),
      ...(only ? { only } : {}),
    }),
});

export const structuredUnits = {
  channel: byChannels("channels"),
  head: byChannels("attention heads", "heads"),
  layer: {
    words: "layers",
    costs: layerCostNames,
    auto: "ggn",
    compensations: layerCompensations,
    sharedOut: false,
    async open(source, by, compensate, setting) {
      requireOneShot(setting, "layers");
      return openLayerPruning(source, {
        ...setting,
        by: requireOne(layerCostNames, by),
        compensate: requireOne(layerCompensations, compensate),
      });
    },
  },
  rank: {
    words: "ranks",
    costs: rankCostNames,
    auto: "kfac",
    compensations: rankCompensations,
    sharedOut: false,
    async open(source, by, compensate, setting) {
      requireOneShot(setting, "ranks");
      return openRankPruning(source, {
        ...setting,
        by: requireOne(rankCostNames, by),
        compensate: requireOne(rankCompensations, compensate),
      });
    },
  },
} as const satisfies Readonly<Record<string, StructuredUnit>>;

export type StructuredUnitName = keyof typeof structuredUnits;

/** The unit of a granularity's name; undefined for one that leaves shapes as they are. */
export function unitNamed(granularity: string): StructuredUnitName | undefined {
  return Object.hasOwn(structuredUnits, granularity) ? (granularity as StructuredUnitName) : undefined;
}

function requireOne<T extends string>(names: readonly T[], found: string): T {
  const known = names.find((name) => name === found);
  if (known) return known;
  throw new UsageError("Cannot prune by a name that is not known", { found, expected: names.join(", ") });
}
