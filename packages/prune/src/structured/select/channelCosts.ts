/** How dear each channel is, while others go. */

export interface ChannelCosts {
  /** Of a channel that is still there; infinite where nothing is known of what reads it. */
  cost(channel: number): number;
  remove(channel: number): void;
  /** Loss that all removals together are predicted to add, where the costs are losses. */
  readonly predicted?: number;
}
