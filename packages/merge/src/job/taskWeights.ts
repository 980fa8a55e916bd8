/** Task weights by held-out loss: one task after the other, each by a factor on the weight that it has. */
import type { Vector } from "@hessonite/core";
import { bestFactor, type Choice, worth } from "./choices.ts";
import type { Judge } from "./judge.ts";

export const weightFactors: readonly number[] = [0.25, 0.5, 1, 2, 4];

/**
 * @param mergeAt The merge with every task's weight multiplied by a factor.
 *
 * Cost: four merges a task; of two tasks only one's weight is open, as ratios alone count.
 */
export async function chooseTaskWeights(
  names: readonly string[],
  mergeAt: (factors: readonly number[]) => Promise<Vector>,
  judge: Judge,
): Promise<{ readonly factors: readonly number[]; readonly choices: readonly Choice[] }> {
  let factors: readonly number[] = names.map(() => 1);
  const choices: Choice[] = [];
  const known = new Map<string, number>();
  const worthAt = async (tried: readonly number[]): Promise<number> => {
    const key = tried.join();
    const value = known.get(key) ?? (await worth(judge, await mergeAt(tried)));
    known.set(key, value);
    return value;
  };
  for (const [i, of] of names.entries()) {
    if (names.length === 1 || (names.length === 2 && i === 0)) continue;
    const replaced = (factor: number): number[] => factors.map((own, j) => (j === i ? factor : own));
    const { factor, curve } = await bestFactor(weightFactors, (tried) => worthAt(replaced(tried)));
    factors = replaced(factor);
    choices.push({ what: "weights", of, by: "held-out data", chosen: factor, curve });
  }
  return { factors, choices };
}
