/** A model of other shapes, by whatever unit it was pruned: what all of them give, and how they are asked. */
import type { SkippedChannels } from "./groups/channelGroups.ts";
import type { ModelCost } from "./select/cost.ts";
import type { ChannelBudget } from "./select/select.ts";

/** What was pruned, and how much of it is left. */
export interface ShrunkPart {
  readonly name: string;
  /** Units: channels, heads, layers, ranks. */
  readonly before: number;
  readonly after: number;
}

export interface Shrunk {
  readonly file: Uint8Array;
  readonly groups: readonly ShrunkPart[];
  readonly skipped: readonly SkippedChannels[];
  readonly before: ModelCost;
  readonly after: ModelCost;
  /** Loss that the removals were predicted to add, where the costs are losses. */
  readonly predicted?: number;
  /** False where nothing more could go before the budget was met. */
  readonly met: boolean;
  /** What should be known of the measurement; nothing unless given. */
  readonly notes?: readonly string[];
}

/** A model that was measured once, pruned by any budget. */
export type ShrinkBy<S extends Shrunk = Shrunk> = (budget: ChannelBudget) => Promise<S>;
