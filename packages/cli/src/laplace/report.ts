/** A Laplace approximation as an HTML report. */
import { axisStyle, chart, colours } from "../report/chart.ts";
import { type Html, html } from "../report/html.ts";
import { dataTable, figures, page, type Section } from "../report/page.ts";
import { count, digits } from "../terminal/quantity.ts";
import type { LaplaceCommandResult } from "./result.ts";
import { tableRows } from "./tableRows.ts";

const grid = { left: 64, right: 24, top: 40, bottom: 48 };
const legend = { top: 0, textStyle: { color: colours.ink } };

export function laplaceReport(result: LaplaceCommandResult): string {
  const sections = [
    verdict(result),
    measures(result),
    reliability(result),
    histogram(result, uncertainties),
    histogram(result, confidences),
    band(result),
    evidence(result),
    settings(result),
  ];
  return page({
    title: `Uncertainty of ${nameOf(result.model.path)}`,
    subtitle: `${result.structure} posterior over ${count(result.weightCount)} weights, ${count(result.rows)} training rows`,
    sections: sections.filter((section) => section !== undefined),
  });
}

const nameOf = (path: string): string => path.split(/[\\/]/).at(-1) ?? path;

function verdict({
  verdict: sentence,
  evidence: found,
  prior,
  noise,
  conformal,
  deployed,
}: LaplaceCommandResult): Section {
  return {
    title: "Verdict",
    explanation: sentence,
    body: figures([
      ["log evidence", digits(found.total), "nats"],
      ["effective parameters", digits(found.effectiveParameters, 3)],
      [
        "prior precision",
        digits(prior.precision[0] ?? 0, 3),
        prior.precision.length > 1 ? `first of ${prior.precision.length}` : "",
      ],
      ...(noise === null ? [] : [["noise", digits(noise, 3)] as const]),
      ...(conformal
        ? [
            [
              "conformal sets",
              `${(100 * conformal.found).toFixed(1)} %`,
              `${(100 * conformal.coverage).toFixed(1)} % stated`,
            ] as const,
          ]
        : []),
      ...(deployed ? [["file", nameOf(deployed.file), deployed.outputs.join(", ")] as const] : []),
    ]),
  };
}

function measures({ table }: LaplaceCommandResult): Section | undefined {
  if (table.length === 0) return undefined;
  const { titles, cells } = tableRows(table);
  return {
    title: "Held-out rows",
    explanation:
      "On rows that nothing was chosen by. NLL: mean negative log-likelihood in nats, lower is better. ECE: expected calibration error. AUROC: how well the entropy tells rows of another kind apart; FPR95: usual rows mistaken at 95 % found.",
    body: dataTable(["", ...titles], cells, titles),
  };
}

function reliability({ reliability: curves }: LaplaceCommandResult): Section | undefined {
  if (curves.length === 0) return undefined;
  const series = curves.map(({ name, bins }, i) => ({
    type: "line" as const,
    name,
    data: bins.filter(({ rows }) => rows > 0).map(({ confidence, accuracy }) => [confidence ?? 0, accuracy ?? 0]),
    itemStyle: { color: i === 0 ? colours.accent : colours.second },
    lineStyle: {
      color: i === 0 ? colours.accent : colours.second,
      type: i === 0 ? ("solid" as const) : ("dashed" as const),
    },
  }));
  const ideal = {
    type: "line" as const,
    name: "calibrated",
    showSymbol: false,
    data: [
      [0, 0],
      [1, 1],
    ],
    lineStyle: { color: colours.quiet, width: 1 },
    itemStyle: { color: colours.quiet },
  };
  const body = chart(
    {
      grid,
      legend,
      xAxis: { type: "value", min: 0, max: 1, name: "confidence", nameLocation: "middle", nameGap: 28, ...axisStyle },
      yAxis: { type: "value", min: 0, max: 1, name: "accuracy", ...axisStyle },
      series: [ideal, ...series],
    },
    360,
    "Confidence against accuracy",
  );
  return {
    title: "Reliability",
    explanation: "Rows by confidence: a calibrated model is as often right as it says.",
    body,
  };
}

const bins = 40;

/** A score of held-out rows, and of rows of another kind. */
interface Score {
  readonly of: (result: LaplaceCommandResult) => LaplaceCommandResult["uncertainty"];
  readonly title: string;
  readonly axis: string;
  readonly explanation: string;
  readonly from: number;
}

const uncertainties: Score = {
  of: ({ uncertainty }) => uncertainty,
  title: "Uncertainty",
  axis: "entropy, nats",
  explanation: "Entropy of the predictive with the outputs drawn from the posterior.",
  from: 0,
};
const confidences: Score = {
  of: ({ confidence }) => confidence,
  title: "Confidence",
  axis: "probability of the predicted class",
  explanation: "How sure the same predictive is of the class that it predicts.",
  from: 0,
};

function histogram(result: LaplaceCommandResult, { of, title, axis, explanation, from }: Score): Section | undefined {
  const scores = of(result);
  if (!scores) return undefined;
  const { usual, other } = scores;
  const most = Math.max(...usual, ...(other ?? []), Number.MIN_VALUE);
  const share = (values: readonly number[]): [number, number][] => {
    const counts = new Array<number>(bins).fill(0);
    for (const u of values) {
      const bin = Math.min(bins - 1, Math.floor((bins * (u - from)) / (most - from)));
      counts[bin] = (counts[bin] ?? 0) + 1;
    }
    return counts.map((n, i) => [from + ((i + 0.5) * (most - from)) / bins, n / values.length]);
  };
  const bars = (name: string, values: readonly number[], color: string) => ({
    type: "bar" as const,
    name,
    data: share(values),
    itemStyle: { color },
    barGap: "-100%",
  });
  const body = chart(
    {
      grid,
      legend,
      xAxis: { type: "value", min: from, max: most, name: axis, nameLocation: "middle", nameGap: 28, ...axisStyle },
      yAxis: { type: "value", name: "share of rows", ...axisStyle },
      series: [
        bars("held-out rows", usual, colours.accent),
        ...(other ? [bars("rows of another kind", other, colours.second)] : []),
      ],
    },
    300,
    `Histogram: ${axis}`,
  );
  return { title, explanation: `${explanation}${detection(result)}`, body };
}

/** How well the predictive tells the two apart, as the table says. */
function detection({ table }: LaplaceCommandResult): string {
  const row = table.find(({ name }) => name.endsWith("Monte Carlo"));
  if (row?.auroc === undefined || row.fpr95 === undefined) return "";
  return ` Its entropy tells the two apart with an AUROC of ${(100 * row.auroc).toFixed(1)} % and takes ${(100 * row.fpr95).toFixed(1)} % of usual rows for others where it finds 95 % of those (FPR95).`;
}

/** A regression of one number on one. */
function band({ band: found }: LaplaceCommandResult): Section | undefined {
  if (!found) return undefined;
  const { points, data, input } = found;
  const line = (name: string, color: string, type: "solid" | "dashed", of: (p: (typeof points)[number]) => number) => ({
    type: "line" as const,
    name,
    showSymbol: false,
    data: points.map((p) => [p.x, of(p)]),
    lineStyle: { color, type, width: type === "solid" ? 2 : 1 },
    itemStyle: { color },
  });
  const body = chart(
    {
      grid,
      legend,
      xAxis: { type: "value", scale: true, name: input, nameLocation: "middle", nameGap: 28, ...axisStyle },
      yAxis: { type: "value", scale: true, ...axisStyle },
      series: [
        {
          type: "scatter",
          name: "training rows",
          symbolSize: 4,
          data: data.map(([x, y]) => [x, y]),
          itemStyle: { color: colours.quiet },
        },
        line("prediction", colours.accent, "solid", (p) => p.mean),
        line("± 2 of the function", colours.second, "solid", (p) => p.mean + 2 * p.function),
        line("± 2 of the function", colours.second, "solid", (p) => p.mean - 2 * p.function),
        line("± 2 of an observation", colours.second, "dashed", (p) => p.mean + 2 * p.observation),
        line("± 2 of an observation", colours.second, "dashed", (p) => p.mean - 2 * p.observation),
      ],
    },
    380,
    "Prediction with bands of two standard deviations",
  );
  return {
    title: "Band",
    explanation:
      "Two standard deviations of the function that the weights leave open, and of an observation (with noise).",
    body,
  };
}

function evidence({ evidenceCurve, evidence: parts, trainedPrior }: LaplaceCommandResult): Section {
  const body = chart(
    {
      grid: { ...grid, left: 88 },
      xAxis: { type: "log", name: "prior precision", nameLocation: "middle", nameGap: 28, ...axisStyle },
      yAxis: { type: "value", scale: true, name: "log evidence, nats", ...axisStyle },
      series: [
        {
          type: "line",
          showSymbol: false,
          data: evidenceCurve.map(({ precision, total }) => [precision, total]),
          lineStyle: { color: colours.accent },
        },
      ],
    },
    300,
    "Log evidence against prior precision",
  );
  const rows: Html = dataTable(
    ["part", "nats"],
    [
      ["log-likelihood", digits(parts.logLikelihood)],
      ["−½ θᵀDθ", digits(-0.5 * parts.scatter)],
      ["−½ log-determinant ratio", digits(-0.5 * parts.logDeterminantRatio)],
      ["log evidence", digits(parts.total)],
    ],
    ["nats"],
  );
  return {
    title: "Evidence",
    explanation: `One precision for all weights. ${trainedPrior.sentence}`,
    body: html`${body}${rows}`,
  };
}

function settings({ settings: list, notes, weights }: LaplaceCommandResult): Section {
  const rows = Object.entries(list).map(([name, value]) => [name, String(value)]);
  return {
    title: "Settings",
    explanation: notes.join(" "),
    body: dataTable(["setting", "value"], [["weights", weights.join(", ")], ...rows]),
  };
}
