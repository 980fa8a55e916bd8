/** Lines on a logarithmic vertical axis as an SVG, one plot below the other. */
export interface LinePlot {
  readonly title: string;
  readonly x: readonly number[];
  readonly lines: Readonly<Record<string, readonly number[]>>;
  /** What they are compared with, dashed in the colour of the line of the same name. */
  readonly dashed?: Readonly<Record<string, readonly number[]>>;
}

const [width, height] = [720, 300];
const [left, top, right, bottom] = [70, 34, 120, 34];
const colours = ["#b4531c", "#2f6f8f", "#5b8c3a", "#8a4f9e"];
/** Powers of ten that are shown below the largest value. */
const mostDecades = 16;

export function linePlot(plots: readonly LinePlot[]): string {
  const body = plots.map((plot, i) => `<g transform="translate(0 ${i * height})">${onePlot(plot)}</g>`).join("\n");
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height * plots.length}" font-family="sans-serif" font-size="12"><title>${plots.map(({ title }) => title).join("; ")}</title><rect width="100%" height="100%" fill="white"/>
${body}
</svg>
`;
}

function onePlot({ title, x, lines, dashed = {} }: LinePlot): string {
  const values = [...Object.values(lines), ...Object.values(dashed)].flat().filter((y) => y > 0);
  const highest = Math.ceil(Math.log10(Math.max(...values)));
  const lowest = Math.max(highest - mostDecades, Math.floor(Math.log10(Math.min(...values))));
  const [first, last] = [Math.min(...x), Math.max(...x)];
  const across = (v: number): number => left + ((v - first) / (last - first)) * (width - left - right);
  const down = (v: number): number => {
    const share = (Math.max(lowest, Math.log10(v)) - lowest) / Math.max(1, highest - lowest);
    return height - bottom - share * (height - top - bottom);
  };
  const every = Math.max(1, Math.ceil((highest - lowest) / 6));
  const ticks = Array.from({ length: highest - lowest + 1 }, (_, i) => lowest + i).filter(
    (e) => (highest - e) % every === 0,
  );
  const grid = ticks.map((e) => {
    const y = down(10 ** e).toFixed(1);
    return `<path d="M${left} ${y}H${width - right}" stroke="#ddd"/><text x="${left - 8}" y="${y}" text-anchor="end" dominant-baseline="middle">1e${e}</text>`;
  });
  const polyline = (list: readonly number[], style: string): string => {
    const points = list.map((y, j) => `${across(x[j]!).toFixed(1)},${down(Math.max(y, 1e-300)).toFixed(1)}`).join(" ");
    return `<polyline points="${points}" fill="none" ${style}/>`;
  };
  const drawn = Object.entries(lines).map(([name, list], i) => {
    const colour = colours[i % colours.length];
    const other = dashed[name] ? polyline(dashed[name], `stroke="${colour}" stroke-dasharray="5 4"`) : "";
    return `${other}${polyline(list, `stroke="${colour}" stroke-width="2"`)}<text x="${width - right + 8}" y="${top + 16 * (i + 1)}" fill="${colour}">${name}</text>`;
  });
  const ends = [first, last].map(
    (v) => `<text x="${across(v)}" y="${height - 14}" text-anchor="middle">${Number(v.toPrecision(3))}</text>`,
  );
  return `<text x="${left}" y="20" font-weight="600">${title}</text>${[...grid, ...drawn, ...ends].join("")}`;
}
