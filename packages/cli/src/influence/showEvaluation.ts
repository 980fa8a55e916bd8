/** An evaluation for a terminal. */
import { count, digits } from "../terminal/quantity.ts";
import { facts } from "../terminal/table.ts";
import type { Paint } from "../terminal/terminal.ts";
import type { Evaluation } from "./evaluation.ts";

type Fact = readonly [label: string, value: string];

export function showEvaluation(found: Evaluation, paint: Paint): string {
  return facts([...retrained(found), ...removed(found), ...withoutTop(found), ...marked(found)], paint);
}

function retrained({ score, overQueries, overSubsets, ceiling, queries, subsets, seeds }: Evaluation): Fact[] {
  if (score === null || !overQueries || !overSubsets) return [];
  const [low, high] = overQueries.interval;
  const reachable = ceiling
    ? `${ceiling.score.toFixed(2)}: seeds correlate at ${ceiling.betweenSeeds.toFixed(2)}`
    : "unknown with one seed";
  return [
    ["linear datamodeling score", score.toFixed(3)],
    ["over queries", `± ${overQueries.standardError.toFixed(3)}, 95 % in ${low.toFixed(3)} … ${high.toFixed(3)}`],
    ["over subsets", `± ${overSubsets.standardError.toFixed(3)}`],
    ["ceiling", reachable],
    ["against", `${count(queries ?? 0)} queries, ${count(subsets ?? 0)} subsets, ${count(seeds ?? 0)} seeds`],
  ];
}

function removed({ leaveOneOut }: Evaluation): Fact[] {
  if (!leaveOneOut) return [];
  const { correlation, rankCorrelation, removed: rows } = leaveOneOut;
  return [
    ["leave-one-out correlation", `${correlation.toFixed(3)} over ${count(rows)} removed rows`],
    ["of ranks", `${rankCorrelation.toFixed(3)}, mean over queries`],
  ];
}

function withoutTop({ topRemoval }: Evaluation): Fact[] {
  if (!topRemoval) return [];
  const { removed: rows, top, random, standardError, wins, perQuery } = topRemoval;
  const error = standardError === null ? "" : ` ± ${digits(standardError)}`;
  return [
    [`loss without the ${count(rows)} most helpful`, `+ ${digits(top)}, without random ones + ${digits(random)}`],
    [
      "difference",
      `${digits(top - random)}${error}; more than chance for ${Math.round(100 * wins)} % of ${count(perQuery.length)} queries`,
    ],
  ];
}

function marked({ marked: found }: Evaluation): Fact[] {
  if (!found) return [];
  return [["area under the ROC curve", `${found.areaUnderCurve.toFixed(3)}, ${count(found.rows)} marked rows`]];
}
