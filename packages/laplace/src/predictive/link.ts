/** From uncertain outputs to class probabilities: the ways there are. */
import type { Outputs } from "../functionalVariance.ts";
import { bridge } from "./bridge.ts";
import { type MonteCarloOptions, monteCarlo } from "./monteCarlo.ts";
import { probit } from "./probit.ts";
import { softmaxRows } from "./softmax.ts";

export const links = ["map", "probit", "bridge", "bridge-normalised", "monte-carlo"] as const;
export type Link = (typeof links)[number];

type Rule = (at: Outputs, options: MonteCarloOptions) => Float64Array;

const rules: Record<Link, Rule> = {
  map: ({ mean, rows }) => softmaxRows(mean, rows),
  probit: (at) => probit(at),
  bridge: (at) => bridge(at),
  "bridge-normalised": (at) => bridge(at, { normalised: true }),
  "monte-carlo": monteCarlo,
};

/** Class probabilities `[rows, C]`; "map" ignores the uncertainty. */
export function classProbabilities(at: Outputs, link: Link, options: MonteCarloOptions = {}): Float64Array {
  return rules[link](at, options);
}
