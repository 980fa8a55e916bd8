/** Likelihoods by the names that command lines and files use. */
import { bernoulli } from "./bernoulli.ts";
import { categorical } from "./categorical.ts";
import { gaussian } from "./gaussian.ts";
import { heteroscedastic } from "./heteroscedastic.ts";
import type { Likelihood } from "./likelihood.ts";
import { poisson } from "./poisson.ts";

export const likelihoodNames = ["categorical", "gaussian", "heteroscedastic", "bernoulli", "poisson"] as const;
export type LikelihoodName = (typeof likelihoodNames)[number];

const makers: Record<LikelihoodName, () => Likelihood> = {
  categorical,
  gaussian,
  heteroscedastic,
  bernoulli,
  poisson,
};

export function likelihoodByName(name: LikelihoodName): Likelihood {
  return makers[name]();
}
