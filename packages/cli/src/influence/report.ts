/** Influence scores as an HTML report. */
import { axisStyle, chart, colours } from "../report/chart.ts";
import { type Html, html, raw } from "../report/html.ts";
import { dataTable, figures, page, type Section } from "../report/page.ts";
import { count, digits, duration } from "../terminal/quantity.ts";
import type { InfluenceCommandResult } from "./result.ts";
import { type ShownRows, shownQueries } from "./shownRows.ts";

const style = raw(`<style>
.rows { display: flex; flex-wrap: wrap; gap: 0.75rem; margin: 0.25rem 0 1rem; }
.rows figure { margin: 0; max-width: 22rem; }
.rows figcaption { color: var(--quiet); font-size: 0.8rem; }
img.row { width: 72px; image-rendering: pixelated; display: block; border: 1px solid var(--line); }
table.features { font-size: 0.75rem; border-collapse: collapse; }
table.features th, table.features td { padding: 0 0.4rem; text-align: right; font-weight: normal; }
table.features th { color: var(--quiet); }
</style>`);

export function influenceReport(result: InfluenceCommandResult, shown: ShownRows): string {
  const sections = [
    summary(result),
    queries(result, shown),
    sources(result),
    selfRows(result, shown),
    histogram(result),
    damping(result),
    settings(result),
  ];
  return page({
    title: `Influence of ${nameOf(result.train.path)} on ${nameOf(result.model.path)}`,
    subtitle: `${result.strategy}, ${count(result.train.rows)} training rows${result.query ? `, ${count(result.query.rows)} queries of ${nameOf(result.query.path)}` : ""}`,
    sections: sections.filter((section) => section !== undefined),
  });
}

const nameOf = (path: string): string => path.split(/[\\/]/).at(-1) ?? path;

function summary({ train, query, solve, notes, checkpoints }: InfluenceCommandResult): Section {
  return {
    title: "At a glance",
    explanation: notes.join(" "),
    body: figures([
      ["training rows", count(train.rows)],
      ...(query ? [["queries", count(query.rows)] as const] : []),
      ...(checkpoints.length > 0 ? [["checkpoints", count(checkpoints.length + 1)] as const] : []),
      ...(solve ? [["largest residual", digits(solve.residual, 2), solve.outcome] as const] : []),
    ]),
  };
}

function queries(result: InfluenceCommandResult, shown: ShownRows): Section | undefined {
  if (result.queries.length === 0) return undefined;
  const list = result.queries.slice(0, shownQueries).map(({ row, id, helpful, harmful }) => {
    const line = (rows: typeof helpful): Html =>
      html`<div class="rows">${rows.map((one) => rowHtml(one, shown))}</div>`;
    const title = row === null ? "All queries as one" : `Query ${id ?? row}`;
    return html`<h3>${title}</h3><div class="rows">${row === null ? "" : (shown.query.get(row) ?? "")}</div>
<p class="note">most helpful</p>${line(helpful)}<p class="note">most harmful</p>${line(harmful)}`;
  });
  const rest = result.queries.length - list.length;
  return {
    title: "Queries",
    explanation:
      "Removing a helpful row would raise the query's loss by about its score, removing a harmful one would lower it." +
      (rest > 0 ? ` ${count(rest)} more queries are in the scores' file.` : ""),
    body: html`${style}${list}`,
  };
}

type RankedRow = InfluenceCommandResult["queries"][number]["helpful"][number];

function rowHtml({ row, id, score, standardError }: RankedRow, shown: ShownRows): Html {
  const error = standardError === undefined ? "" : ` ± ${digits(standardError, 2)}`;
  const name = id === undefined ? "" : ` · ${id}`;
  return html`<div>${shown.train.get(row) ?? html`row ${row}`}<small>${digits(score, 3)}${error}${name}</small></div>`;
}

const mostSources = 20;

function sources({ sources: found }: InfluenceCommandResult): Section | undefined {
  if (!found) return undefined;
  const shown = found.length > 2 * mostSources ? [...found.slice(0, mostSources), ...found.slice(-mostSources)] : found;
  const rows = shown.map(({ source, meanScore }) => [source, digits(meanScore, 3)]);
  return {
    title: "Sources",
    explanation:
      "The sum of their rows' scores, mean over the queries: to first order, what removing the whole source would change." +
      (shown.length < found.length ? ` The ${count(mostSources)} largest and smallest of ${count(found.length)}.` : ""),
    body: dataTable(["source", "score"], rows, ["score"]),
  };
}

function selfRows({ self }: InfluenceCommandResult, shown: ShownRows): Section | undefined {
  if (!self) return undefined;
  return {
    title: "Largest influence on themselves",
    explanation: "Rows that the model could not have known from the others; mislabelled rows are among them.",
    body: html`${style}<div class="rows">${self.map((one) => rowHtml(one, shown))}</div>`,
  };
}

function histogram({ histogram: found, units }: InfluenceCommandResult): Section | undefined {
  if (!found) return undefined;
  const { edges, counts } = found;
  const data = counts.map((n, i) => [((edges[i] ?? 0) + (edges[i + 1] ?? 0)) / 2, n === 0 ? null : n]);
  const body = chart(
    {
      xAxis: { type: "value", scale: true, ...axisStyle },
      yAxis: { type: "log", ...axisStyle },
      series: [{ type: "bar", data, itemStyle: { color: colours.accent }, barWidth: "90%" }],
    },
    260,
    "Histogram of the scores",
  );
  return { title: "Scores", explanation: `How many scores have which size (${units}); logarithmic counts.`, body };
}

function damping({ damping: list }: InfluenceCommandResult): Section {
  const rows = list.map(({ name, damping: value, effectiveParameters }) => [
    name,
    digits(value),
    effectiveParameters === null ? "" : digits(effectiveParameters),
  ]);
  const columns = ["block", "damping", "directions that the data determine"];
  return {
    title: "Damping",
    explanation:
      "δ in (H + δ)⁻¹, H the curvature of the mean loss. The curves are the log evidence at δ and its neighbours, a factor of three apart.",
    body: html`${dataTable(columns, rows, columns.slice(1))}${evidenceChart(list)}`,
  };
}

function evidenceChart(list: InfluenceCommandResult["damping"]): Html {
  const curves = list.filter(({ curve }) => curve.length > 0);
  if (curves.length === 0) return html``;
  return chart(
    {
      legend: { textStyle: { color: colours.quiet } },
      xAxis: { type: "log", name: "δ", ...axisStyle },
      yAxis: { type: "value", scale: true, name: "below the best", ...axisStyle },
      series: curves.map(({ name, curve }) => {
        const best = Math.max(...curve.map(({ value }) => value));
        return { name, type: "line", data: curve.map(({ regulariser, value }) => [regulariser, value - best]) };
      }),
    },
    280,
    "Log evidence of each block around its damping",
  );
}

function settings({ model, train, query, settings: given, seconds, scores }: InfluenceCommandResult): Section {
  const rows: [string, string][] = [
    ["model", `${model.path}, sha256 ${model.sha256}`],
    ["training data", `${train.path}, sha256 ${train.sha256}`],
    ...(query ? ([["queries", `${query.path}, sha256 ${query.sha256}`]] as [string, string][]) : []),
    ...(scores ? ([["scores", scores]] as [string, string][]) : []),
    ...Object.entries(given).map(([name, value]): [string, string] => [name, String(value)]),
    ...Object.entries(seconds).map(([stage, time]): [string, string] => [`time: ${stage}`, duration(time)]),
  ];
  return {
    title: "How this was made",
    explanation: "The same files, settings and versions give the same numbers.",
    body: dataTable(["setting", "value"], rows),
  };
}
