/** What changes a model's shapes as it goes: a row a unit, with its costs, its compensations and what opens its pruning. */
import { UsageError } from "@hessonite/core";
import { layerCostNames } from "./branches/branchCosts.ts";
import { layerCompensations, openLayerPruning } from "./branches/pruneLayers.ts";
import { channelCompensations, openChannelPruning, type PruneChannelsOptions } from "./pruneChannels.ts";
import { openRankPruning, rankCompensations, rankCostNames } from "./ranks/pruneRanks.ts";
import { channelCostNames } from "./select/choose.ts";
import type { ShrinkBy } from "./shrunk.ts";

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

interface UnitRow<By extends string, Fit extends string> extends Pick<StructuredUnit, "words" | "sharedOut"> {
  readonly costs: readonly By[];
  readonly auto: By;
  readonly compensations: readonly Fit[];
  /** Whether the curvature can be measured anew on the way. */
  readonly severalShots: boolean;
  open(source: string, options: UnitSetting & { readonly by: By; readonly compensate: Fit }): Promise<ShrinkBy>;
}

/** Names and shots are looked at before anything is opened. */
function unit<By extends string, Fit extends string>(row: UnitRow<By, Fit>): StructuredUnit {
  const { severalShots, ...facts } = row;
  return {
    ...facts,
    async open(source, by, compensate, setting) {
      const { shots = 1 } = setting;
      if (shots > 1 && !severalShots) {
        throw new UsageError(`Cannot prune ${row.words} in several shots`, { found: shots, expected: 1 });
      }
      return row.open(source, {
        ...setting,
        by: requireOne(row.costs, by),
        compensate: requireOne(row.compensations, compensate),
      });
    },
  };
}

const byChannels = (words: string, only?: PruneChannelsOptions["only"]): StructuredUnit =>
  unit({
    words,
    costs: channelCostNames,
    auto: "obs",
    compensations: channelCompensations,
    sharedOut: true,
    severalShots: true,
    open: (source, options) => openChannelPruning(source, { ...options, ...(only ? { only } : {}) }),
  });

export const structuredUnits = {
  channel: byChannels("channels"),
  head: byChannels("attention heads", "heads"),
  layer: unit({
    words: "layers",
    costs: layerCostNames,
    auto: "ggn",
    compensations: layerCompensations,
    sharedOut: false,
    severalShots: false,
    open: openLayerPruning,
  }),
  rank: unit({
    words: "ranks",
    costs: rankCostNames,
    auto: "kfac",
    compensations: rankCompensations,
    sharedOut: false,
    severalShots: false,
    open: openRankPruning,
  }),
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
