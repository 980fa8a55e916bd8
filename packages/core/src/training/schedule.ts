/** How the learning rate changes over the steps: a factor in [0, 1] of what the optimiser was given. */
export type Schedule =
  | { readonly kind: "constant" }
  /** From 1 to 0 along half a cosine. */
  | { readonly kind: "cosine"; readonly warmup?: number }
  /** From 1 to 0 along a line. */
  | { readonly kind: "linear"; readonly warmup?: number }
  /** Times `factor` at each of these shares of the steps. */
  | { readonly kind: "steps"; readonly at: readonly number[]; readonly factor: number };

/** The factor at step `step` of `steps`; `warmup` is the share of steps in which it rises from 0 first. */
export function scheduleFactor(schedule: Schedule, step: number, steps: number): number {
  const share = step / steps;
  if (schedule.kind === "constant") return 1;
  if (schedule.kind === "steps") return schedule.factor ** schedule.at.filter((at) => share >= at).length;
  const { kind, warmup = 0 } = schedule;
  if (share < warmup) return (step + 1) / Math.max(1, Math.ceil(warmup * steps));
  const rest = (share - warmup) / (1 - warmup);
  return kind === "cosine" ? (1 + Math.cos(Math.PI * rest)) / 2 : 1 - rest;
}
