/** Sparsities on the way to a last one. */

export const schedules = ["linear", "cubic", "geometric"] as const;
export type ScheduleName = (typeof schedules)[number];

/**
 * Sparsities after each of n shots; i = 1 … n.
 *
 *     linear      s_i = S i / n
 *     cubic       s_i = S (1 − (1 − i/n)³)
 *     geometric   1 − s_1 = √(1 − S), from there what is kept shrinks by the same factor: most shots where it is dear
 *
 * Source of the cubic one: Zhu & Gupta (2017), To prune, or not to prune, arXiv:1710.01878.
 */
export function scheduledLevels(target: number, shots: number, schedule: ScheduleName): number[] {
  return Array.from({ length: shots }, (_, k) => (k === shots - 1 ? target : levelAt[schedule](target, k, shots)));
}

const levelAt: Readonly<Record<ScheduleName, (target: number, k: number, shots: number) => number>> = {
  linear: (target, k, shots) => (target * (k + 1)) / shots,
  cubic: (target, k, shots) => target * (1 - (1 - (k + 1) / shots) ** 3),
  geometric: (target, k, shots) => 1 - (1 - target) ** ((1 + k / (shots - 1)) / 2),
};

/** Where curves are looked at when the sparsity is not given. */
export const searchLevels = [0.2, 0.4, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.93, 0.95, 0.97, 0.98, 0.99] as const;

/** The same up to a given sparsity, which comes last. */
export function levelsUpTo(target: number): number[] {
  return [...searchLevels.filter((level) => level < target - 1e-9), target];
}
