/** The charts of a merge's report. */
import type { MergeResult } from "@hessonite/merge";
import { axisStyle, chart, colours } from "../report/chart.ts";
import { html } from "../report/html.ts";
import type { Section } from "../report/page.ts";
import { digits } from "../terminal/quantity.ts";

export function conflict({ rises: list, layers }: MergeResult): Section | undefined {
  if (list.length === 0) return undefined;
  const cells = list.flatMap(({ conflict: shares }, row) =>
    shares.map((share, column) => [column, row, Number(share.toFixed(4))]),
  );
  const most = Math.max(...cells.map(([, , share]) => Math.abs(share ?? 0)));
  const body = chart(
    {
      grid: { left: 110, right: 20, top: 10, bottom: 90 },
      xAxis: {
        type: "category",
        data: [...layers],
        ...axisStyle,
        axisLabel: { ...axisStyle.axisLabel, rotate: 45 },
      },
      yAxis: { type: "category", data: list.map(({ task }) => task), ...axisStyle },
      visualMap: { min: -most, max: most, show: false, inRange: { color: ["#5b8fd9", "#f4f4f4", "#d9655b"] } },
      series: [
        { type: "heatmap", data: cells, label: { show: layers.length <= 16, formatter: "{@[2]}", fontSize: 11 } },
      ],
    },
    130 + 46 * list.length,
    "Share of each layer in each task's predicted rise",
  );
  return {
    title: "Where tasks conflict",
    explanation: "Share of each layer in a task's predicted rise; a row adds up to 1.",
    body,
  };
}

export function lines({ lines: list, tasks }: MergeResult): Section | undefined {
  if (list.length === 0) return undefined;
  const palette = [colours.accent, colours.second, colours.ink, colours.quiet];
  const charts = list.map(({ to, at, losses }) =>
    chart(
      {
        title: { text: `to ${to}`, textStyle: { color: colours.ink, fontSize: 13, fontWeight: "normal" } },
        grid: { left: 60, right: 20, top: 50, bottom: 40 },
        legend: { top: 0, left: "auto", right: 20, textStyle: { color: colours.quiet } },
        xAxis: {
          type: "value",
          min: 0,
          max: 1,
          name: "share of the model",
          nameLocation: "middle",
          nameGap: 25,
          ...axisStyle,
        },
        yAxis: { type: "value", name: "loss", scale: true, ...axisStyle },
        series: losses.map((own, i) => ({
          type: "line",
          name: tasks[i] ?? "",
          data: own.map((loss, k) => [at[k] ?? 0, loss]),
          itemStyle: { color: palette[i % palette.length] ?? colours.ink },
        })),
      },
      260,
      `Losses of all tasks on the straight line to ${to}`,
    ),
  );
  return {
    title: "Straight lines to the models",
    explanation: "Every task's loss from the merged model (0) to each model (1).",
    body: html`${charts}`,
  };
}

export function damping({ damping: chosen }: MergeResult): Section | undefined {
  if (!chosen || chosen.curve.length === 0) return undefined;
  const held = chosen.chosenBy === "held-out data";
  const body = chart(
    {
      grid: { left: 70, right: 20, top: 20, bottom: 45 },
      xAxis: { type: "log", name: "damping / mean curvature", nameLocation: "middle", nameGap: 28, ...axisStyle },
      yAxis: { type: "value", name: held ? "held-out loss" : "log evidence", scale: true, ...axisStyle },
      series: [
        {
          type: "line",
          data: chosen.curve.map(({ damping: at, value }) => [at, held ? -value : value]),
          itemStyle: { color: colours.accent },
          markLine: {
            symbol: "none",
            data: [{ xAxis: chosen.relative }],
            lineStyle: { color: colours.second },
            label: { show: false },
          },
        },
      ],
    },
    260,
    "The criterion by damping",
  );
  return {
    title: "Damping",
    explanation: `Chosen by ${chosen.chosenBy}: ${digits(chosen.relative)} of the mean curvature.`,
    body,
  };
}

/** Held-out loss, or log evidence, of everything that was tried beside the damping. */
export function choices({ choices: list }: MergeResult): Section | undefined {
  if (list.length === 0) return undefined;
  const titles = { anchor: "Anchor", weights: "Task weights", layers: "Layers", damping: "Damping" } as const;
  const kinds = [...new Set(list.map(({ what }) => what))];
  return {
    title: "What was chosen",
    explanation:
      "Of the model that results: the anchor; each task's weight as a factor on the one it has; how far each layer goes from the " +
      "anchor (or the base, or the average) to its merge.",
    body: html`${kinds.map((kind) =>
      choiceChart(
        titles[kind],
        list.filter(({ what }) => what === kind),
      ),
    )}`,
  };
}

function choiceChart(title: string, list: MergeResult["choices"]): ReturnType<typeof chart> {
  const held = list[0]?.by === "held-out data";
  const ticks = [...new Set(list.flatMap(({ curve }) => curve.map(({ at }) => at)))];
  const palette = [colours.accent, colours.second, colours.ink, colours.quiet];
  return chart(
    {
      title: {
        text: `${title}, by ${list[0]?.by}`,
        textStyle: { color: colours.ink, fontSize: 13, fontWeight: "normal" },
      },
      grid: { left: 70, right: 20, top: 60, bottom: 30 },
      legend: { top: 24, type: "scroll", textStyle: { color: colours.quiet } },
      xAxis: { type: "category", data: ticks.map(String), ...axisStyle },
      yAxis: { type: "value", name: held ? "held-out loss" : "log evidence", scale: true, ...axisStyle },
      series: list.map(({ of, chosen, curve }, i) => ({
        type: "line",
        name: of === "" ? `${chosen}` : `${of}: ${chosen}`,
        data: curve.map(({ at, value }) => [String(at), held ? -value : value]),
        itemStyle: { color: palette[i % palette.length] ?? colours.ink },
        markPoint: {
          symbolSize: 9,
          symbol: "circle",
          label: { show: false },
          data: curve
            .filter(({ at }) => at === chosen)
            .map(({ at, value }) => ({
              name: String(at),
              coord: [String(at), held ? -value : value] as [string, number],
            })),
        },
      })),
    },
    260,
    `${title}: the criterion of what was tried`,
  );
}
