/** Charts as SVG, drawn here and now; colours are the page's variables, so that they follow light and dark. */

import type { EChartsOption } from "echarts";
import * as echarts from "echarts";
import { type Html, html, raw } from "./html.ts";

export const colours = {
  ink: "var(--ink)",
  quiet: "var(--quiet)",
  line: "var(--line)",
  accent: "var(--accent)",
  accentSoft: "var(--accent-soft)",
  second: "var(--second)",
} as const;

const width = 880;

/** Draws a chart of this height in pixels, as wide as the page. */
export function chart(option: EChartsOption, height: number, description: string): Html {
  const canvas = echarts.init(null, null, { renderer: "svg", ssr: true, width, height });
  canvas.setOption({ animation: false, textStyle: { fontFamily: "system-ui, sans-serif" }, ...option });
  const svg = canvas.renderToSVGString();
  canvas.dispose();
  return html`<div class="chart" role="img" aria-label="${description}">${raw(svg)}</div>`;
}

/** An axis in the page's colours. */
export const axisStyle = {
  axisLine: { show: true, lineStyle: { color: colours.line } },
  axisTick: { show: false },
  axisLabel: { color: colours.quiet, fontSize: 12 },
  splitLine: { lineStyle: { color: colours.line, width: 1 } },
  nameTextStyle: { color: colours.quiet, fontSize: 12 },
} as const;
