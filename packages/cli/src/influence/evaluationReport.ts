/** An evaluation of influence scores as an HTML report. */
import { axisStyle, chart, colours } from "../report/chart.ts";
import { html } from "../report/html.ts";
import { dataTable, figures, page, type Section } from "../report/page.ts";
import { digits } from "../terminal/quantity.ts";
import type { Evaluation } from "./evaluation.ts";

export function evaluationReport(found: Evaluation, scores: string): string {
  const sections = [retrained(found), removed(found), withoutTop(found), marked(found)];
  return page({
    title: "How good the scores are",
    subtitle: scores,
    sections: sections.flatMap((section) => section ?? []),
  });
}

function retrained({ score, overQueries, overSubsets, ceiling, perQuery }: Evaluation): Section | undefined {
  if (score === null || !overQueries || !overSubsets) return undefined;
  const [low, high] = overQueries.interval;
  const body = figures([
    ["linear datamodeling score", score.toFixed(3), `95 % in ${low.toFixed(3)} … ${high.toFixed(3)} over queries`],
    ["standard error over subsets", overSubsets.standardError.toFixed(3)],
    [
      "ceiling",
      ceiling ? ceiling.score.toFixed(3) : "unknown",
      ceiling ? "what the truth's own noise allows" : "one seed",
    ],
  ]);
  return {
    title: "Training on subsets",
    explanation: `Rank correlation of predicted and true losses over subsets, mean over ${perQuery.length} queries.`,
    body,
  };
}

function removed({ leaveOneOut }: Evaluation): Section | undefined {
  if (!leaveOneOut) return undefined;
  const { removed: rows, correlation, rankCorrelation } = leaveOneOut;
  return {
    title: "Leaving one out",
    body: figures([
      ["correlation", correlation.toFixed(3), `over ${rows} removed rows`],
      ["of ranks", rankCorrelation.toFixed(3), "mean over queries"],
    ]),
  };
}

function withoutTop({ topRemoval }: Evaluation): Section | undefined {
  if (!topRemoval) return undefined;
  const { removed: rows, draws, epochs, start, top, random, standardError, wins, perQuery } = topRemoval;
  const ends = perQuery.flatMap((one) => [one.top, one.random]);
  const line = [Math.min(...ends), Math.max(...ends)].map((x) => [x, x]);
  const quiet = { color: colours.quiet, type: "dashed" } as const;
  const body = html`${figures([
    ["rise without the most helpful", digits(top), `${rows} rows a query`],
    ["rise without random ones", digits(random), `mean of ${draws} draws`],
    ["difference", digits(top - random), standardError === null ? "" : `± ${digits(standardError)} over queries`],
    ["queries that lose more by the scores", `${Math.round(100 * wins)} %`, `of ${perQuery.length}`],
  ])}${chart(
    {
      xAxis: { type: "value", name: "random", scale: true, ...axisStyle },
      yAxis: { type: "value", name: "most helpful", scale: true, ...axisStyle },
      series: [
        { type: "line", data: line, lineStyle: quiet, symbol: "none", silent: true },
        { type: "scatter", data: perQuery.map((one) => [one.random, one.top]), itemStyle: { color: colours.accent } },
      ],
    },
    300,
    "Rise of each query's loss without its most helpful rows against that without random ones",
  )}${dataTable(
    ["query", "without the most helpful", "without random ones"],
    perQuery.map((one) => [String(one.query), digits(one.top), digits(one.random)]),
    ["without the most helpful", "without random ones"],
  )}`;
  return {
    title: "Removing the most helpful rows",
    explanation: `How much each query's loss rises when its ${rows} most helpful training rows are taken away and the model is trained for ${epochs} epochs from ${start}; above the line the scores know better than chance.`,
    body,
  };
}

function marked({ marked: found }: Evaluation): Section | undefined {
  if (!found) return undefined;
  return {
    title: "Marked rows",
    body: figures([
      ["area under the ROC curve", found.areaUnderCurve.toFixed(3), `${found.rows} marked rows, by self-influence`],
    ]),
  };
}
