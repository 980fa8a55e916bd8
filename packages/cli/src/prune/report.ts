/** A pruning run as an HTML report. */
import { axisStyle, chart, colours } from "../report/chart.ts";
import { type Html, html } from "../report/html.ts";
import { dataTable, figures, page, type Section } from "../report/page.ts";
import { bytes, count, digits } from "../terminal/quantity.ts";
import type { PruneCommandResult } from "./result.ts";
import { asPercent, chosenOf, type Point } from "./shown.ts";

const grid = { left: 72, right: 24, top: 56, bottom: 48 };
const legend = { top: 0, textStyle: { color: colours.ink } };
const palette = [colours.accent, colours.second, "#2b8a3e", "#a15c00", "#7048e8", "#c2255c", "#0b7285", "#5c940d"];

export function pruneReport(result: PruneCommandResult): string {
  const sections = [
    verdict(result),
    curves(result, "loss"),
    curves(result, "accuracy"),
    layers(result),
    costs(result),
    table(result),
  ];
  return page({
    title: `Pruning of ${result.model.path.split(/[\\/]/).at(-1) ?? ""}`,
    subtitle: `by ${result.granularity}, ${count(result.weights)} prunable weights, judged on ${count(result.judged.rows)} rows`,
    sections: sections.filter((section) => section !== undefined),
  });
}

const bestOf = ({ methods, best }: PruneCommandResult) => methods.filter(({ method }) => method === best);

function verdict(result: PruneCommandResult): Section {
  const { best, maxDrop, met, out, rounded, dense, notes } = result;
  const [own] = bestOf(result);
  const { point } = chosenOf(own!);
  const kept =
    met === null
      ? ""
      : met
        ? ` The drop of ${asPercent(maxDrop ?? 0)} is kept.`
        : ` The drop of ${asPercent(maxDrop ?? 0)} cannot be kept.`;
  return {
    title: "Verdict",
    explanation: `${best} removes ${asPercent(point.sparsity)} of the weights at a drop of ${asPercent(point.drop)}.${kept} ${result.channels || out ? "" : "Weights that are 0 make the file smaller when it is packed, and the model no faster. "}${notes.join(" ")}`,
    body: figures([
      ["weights removed", asPercent(point.sparsity), `${count(point.zeros)} of ${count(result.weights)}`],
      ["loss", digits(point.loss), `${digits(dense.loss)} dense`],
      ...(point.accuracy === null
        ? []
        : [["accuracy", asPercent(point.accuracy), `${asPercent(dense.accuracy ?? 0)} dense`] as const]),
      ...(result.channels
        ? result.channels.latency.map(
            ({ rows, ratio }) => [`speed, ${rows} rows`, `${ratio.toFixed(2)} ×`, "median ratio"] as const,
          )
        : []),
      ...(out ? [["file", bytes(out.bytes), `${bytes(out.before)} before`] as const] : []),
      ...(out?.latency ?? []).map(
        ({ rows, ratio }) => [`speed, ${rows} rows`, `${ratio.toFixed(2)} ×`, "median ratio"] as const,
      ),
      ...(rounded
        ? [
            [
              `loss in ${rounded.bits} bits`,
              digits(rounded.loss),
              rounded.predicted === null ? "" : `${digits(rounded.predicted)} predicted`,
            ] as const,
            ...(rounded.accuracy === null
              ? []
              : [
                  [
                    `accuracy in ${rounded.bits} bits`,
                    asPercent(rounded.accuracy),
                    `drop ${asPercent(rounded.drop)}`,
                  ] as const,
                ]),
          ]
        : []),
    ]),
  };
}

/** Loss, foretold and measured, or accuracy, against sparsity. */
function curves(result: PruneCommandResult, what: "loss" | "accuracy"): Section | undefined {
  if (what === "accuracy" && result.dense.accuracy === null) return undefined;
  const heightOf = (point: Point): number => (what === "loss" ? point.loss : (point.accuracy ?? 0));
  const series = result.methods.flatMap(({ method, points, chosen }, i) => {
    const color = palette[i % palette.length]!;
    const line = (name: string, data: number[][], type: "solid" | "dashed", symbol: boolean) => ({
      type: "line" as const,
      name,
      data,
      showSymbol: symbol,
      itemStyle: { color },
      lineStyle: { color, type },
    });
    const measured = line(
      method,
      points.map((point) => [point.sparsity, heightOf(point)]),
      "solid",
      true,
    );
    const last = points[chosen ?? -1];
    const marked = last
      ? [
          {
            ...line(`${method}, chosen`, [[last.sparsity, heightOf(last)]], "solid", true),
            symbol: "diamond",
            symbolSize: 14,
          },
        ]
      : [];
    const foretold = points.flatMap(({ sparsity, predicted }) =>
      predicted === null ? [] : [[sparsity, Math.max(predicted, 1e-6)]],
    );
    return what === "loss"
      ? [measured, line(`${method}, predicted`, foretold, "dashed", false), ...marked]
      : [measured, ...marked];
  });
  return {
    title: what === "loss" ? "Loss" : "Accuracy",
    explanation:
      what === "loss"
        ? "On held-out rows, against the share of weights removed. Dashed: what the curvature foretells. Diamond: the last level within the accepted drop."
        : "On held-out rows. Diamond: the last level within the accepted drop.",
    body: chart(
      {
        grid,
        legend: { ...legend, data: result.methods.map(({ method }) => method) },
        xAxis: { type: "value", name: "share removed", nameLocation: "middle", nameGap: 28, scale: true, ...axisStyle },
        yAxis: { type: what === "loss" ? "log" : "value", name: what, scale: true, ...axisStyle },
        series,
      },
      380,
      `${what} against sparsity`,
    ),
  };
}

function layers(result: PruneCommandResult): Section {
  const [first] = result.methods;
  const names = first!.layers.map(({ name }) => name);
  const body = chart(
    {
      grid: { ...grid, bottom: 80 },
      legend,
      xAxis: { type: "category", data: names, axisLabel: { rotate: 20 } },
      yAxis: { type: "value", min: 0, max: 1, name: "share removed", ...axisStyle },
      series: result.methods.map(({ method, layers: list }, i) => ({
        type: "bar" as const,
        name: method,
        data: list.map(({ out, in: width, zeros }) => zeros / (out * width)),
        itemStyle: { color: palette[i % palette.length]! },
      })),
    },
    320,
    "Share removed, by layer",
  );
  return { title: "Layers", explanation: "Share of each layer's weights that is 0.", body };
}

function costs(result: PruneCommandResult): Section | undefined {
  const [own] = bestOf(result);
  const { edges, counts } = own!.costs;
  if (counts.length === 0) return undefined;
  const body = chart(
    {
      grid,
      xAxis: {
        type: "value",
        scale: true,
        name: "log10 of the cost",
        nameLocation: "middle",
        nameGap: 28,
        ...axisStyle,
      },
      yAxis: { type: "value", name: "units", ...axisStyle },
      series: [
        {
          type: "bar" as const,
          data: counts.map((n, i) => [((edges[i] ?? 0) + (edges[i + 1] ?? 0)) / 2, n]),
          itemStyle: { color: colours.accent },
        },
      ],
    },
    280,
    "Histogram of costs",
  );
  return { title: "Costs", explanation: "What single units were foretold to cost at the last choice.", body };
}

function table({ methods, seconds }: PruneCommandResult): Section {
  const titles = ["method", "removed", "predicted loss", "loss", "accuracy", "drop"];
  const rows = methods.flatMap(({ method, points, chosen }) =>
    points.map((point, i) => [
      i === chosen ? `${method} ◆` : method,
      asPercent(point.sparsity),
      point.predicted === null ? "" : digits(point.predicted),
      digits(point.loss),
      point.accuracy === null ? "" : asPercent(point.accuracy),
      asPercent(point.drop),
    ]),
  );
  const body: Html = html`${dataTable(titles, rows, titles.slice(1))}`;
  return { title: "Levels", explanation: `Every level of every method; ${seconds.toFixed(0)} s in all.`, body };
}
