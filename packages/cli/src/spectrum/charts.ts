/** The pictures of a spectrum. */
import { axisStyle, chart, colours } from "../report/chart.ts";
import type { Html } from "../report/html.ts";
import { digits } from "../terminal/quantity.ts";
import type { Eigenvalues, MeasuredSpectrum } from "./result.ts";

const grid = { left: 64, right: 24, top: 32, bottom: 44 };

/** φ(t) on a logarithmic scale, from a hundredth of one eigenvalue's height upwards. */
export function densityChart({ density, parameterCount, largest, smallest }: MeasuredSpectrum): Html | undefined {
  if (!density) return undefined;
  const oneEigenvalue = 1 / (parameterCount * density.width * Math.sqrt(2 * Math.PI));
  const floor = 10 ** Math.floor(Math.log10(oneEigenvalue) - 1);
  const points = density.grid.map((t, i) => [t, atLeast(floor, density.density[i] ?? 0)]);
  const marks = [...(largest?.values ?? []), ...(smallest?.values ?? [])].map((t) => [t, oneEigenvalue]);
  return chart(
    {
      grid,
      xAxis: {
        type: "value",
        scale: true,
        name: "eigenvalue",
        nameLocation: "middle",
        nameGap: 28,
        ...axisStyle,
        splitLine: { show: false },
      },
      yAxis: {
        type: "log",
        min: floor,
        name: "density",
        ...axisStyle,
        axisLine: { ...axisStyle.axisLine, onZero: false },
        axisLabel: { ...axisStyle.axisLabel, formatter: power },
      },
      series: [
        {
          type: "line",
          data: points,
          showSymbol: false,
          lineStyle: { color: colours.accent, width: 2 },
          areaStyle: { color: colours.accentSoft, origin: "start" },
        },
        { type: "scatter", data: marks, symbolSize: 9, itemStyle: { color: colours.second } },
      ],
    },
    340,
    "Spectral density on a logarithmic scale",
  );
}

/** Null leaves a gap: there is nothing to see that far down. */
function atLeast(floor: number, value: number): number | null {
  return value >= floor ? value : null;
}

function power(value: number): string {
  return value >= 0.01 && value < 1e4 ? String(value) : value.toExponential(0);
}

/** The eigenvalues that were computed, largest first. */
export function eigenvalueChart({ largest, smallest }: MeasuredSpectrum): Html | undefined {
  const values = [...valuesOf(largest), ...valuesOf(smallest).reverse()];
  if (values.length === 0) return undefined;
  const bars = values.map((value) => ({
    value,
    itemStyle: {
      color: value < 0 ? colours.second : colours.accent,
      borderRadius: value < 0 ? [0, 0, 4, 4] : [4, 4, 0, 0],
    },
    label: { show: values.length <= 24, position: value < 0 ? ("bottom" as const) : ("top" as const) },
  }));
  return chart(
    {
      grid: { ...grid, bottom: 28 },
      xAxis: { type: "category", data: values.map((_, i) => String(i + 1)), ...axisStyle, axisLabel: { show: false } },
      yAxis: { type: "value", name: "eigenvalue", ...axisStyle },
      series: [
        {
          type: "bar",
          data: bars,
          barMaxWidth: 44,
          label: { color: colours.ink, fontSize: 12, formatter: ({ value }) => digits(Number(value), 3) },
        },
      ],
    },
    300,
    "Computed eigenvalues, largest first",
  );
}

function valuesOf(found: Eigenvalues | null): number[] {
  return [...(found?.values ?? [])];
}

const mostBars = 32;

/** ‖∇‖ of each parameter, the largest where there are many. */
export function gradientChart({ parameters }: MeasuredSpectrum): Html {
  const shown = [...parameters].sort((a, b) => b.gradientNorm - a.gradientNorm).slice(0, mostBars);
  const inOrder = parameters.filter((p) => shown.includes(p)).reverse(); // the first on top
  const longest = Math.max(...inOrder.map(({ name }) => name.length));
  return chart(
    {
      grid: { left: Math.min(320, 24 + 7 * longest), right: 72, top: 8, bottom: 28 },
      xAxis: { type: "value", ...axisStyle },
      yAxis: { type: "category", data: inOrder.map(({ name }) => name), ...axisStyle },
      series: [
        {
          type: "bar",
          data: inOrder.map(({ gradientNorm }) => gradientNorm),
          barMaxWidth: 18,
          itemStyle: { color: colours.accent, borderRadius: [0, 4, 4, 0] },
          label: {
            show: true,
            position: "right",
            color: colours.ink,
            fontSize: 12,
            formatter: ({ value }) => digits(Number(value), 3),
          },
        },
      ],
    },
    48 + 28 * inOrder.length,
    "Gradient norm of each parameter",
  );
}
