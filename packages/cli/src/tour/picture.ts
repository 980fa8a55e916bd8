/** A matrix as a picture: the logarithm of its entries' magnitude in colour, lines between the parameters. */
import { type Html, html, raw } from "../report/html.ts";
import { pngAddress } from "../report/png.ts";

export interface PictureOptions {
  /** log₁₀ of the magnitude that has the brightest colour. */
  readonly top: number;
  /** Powers of ten down to the darkest. */
  readonly decades: number;
  /** Where parameters begin, in order. */
  readonly parameters: readonly { readonly name: string; readonly offset: number; readonly count: number }[];
}

/** Pixels a side at most; a pixel of a larger matrix is the largest entry of its cell. */
const mostPixels = 640;

/** Names are written where there is room: at this share of the side. */
const leastShare = 0.05;

export function matrixPicture(entries: Float64Array, n: number, title: string, options: PictureOptions): Html {
  const address = pngAddress({ ...pixelsOf(entries, n, options), channels: 3 });
  const { parameters } = options;
  const lines = parameters.slice(1).map(({ offset }) => {
    const d = `M${offset} 0V${n}M0 ${offset}H${n}`;
    return raw(`<path d="${d}" vector-effect="non-scaling-stroke"/>`);
  });
  const letters = 0.032 * n;
  const room = (0.65 * longestName + 1) * letters;
  const names = parameters
    .filter(({ count }) => count >= leastShare * n)
    .map(
      ({ name, offset, count }) =>
        html`<text x="${-0.02 * n}" y="${offset + count / 2}" font-size="${letters}" text-anchor="end" dominant-baseline="middle">${shortened(name)}</text>`,
    );
  return html`<figure><svg viewBox="${-room} 0 ${n + room} ${n}" role="img" aria-label="${title}">
<image href="${raw(address)}" width="${n}" height="${n}" preserveAspectRatio="none" style="image-rendering:pixelated"/>
<g class="lines">${lines}</g>${names}</svg><figcaption>${title}</figcaption></figure>`;
}

const longestName = 14;

function shortened(name: string): string {
  return name.length > longestName ? `…${name.slice(1 - longestName)}` : name;
}

function pixelsOf(
  entries: Float64Array,
  n: number,
  { top, decades }: PictureOptions,
): { readonly width: number; readonly height: number; readonly data: Uint8Array } {
  const side = Math.min(n, mostPixels);
  const largest = new Float64Array(side * side);
  for (const [at, entry] of entries.entries()) {
    const pixel = Math.floor((Math.floor(at / n) * side) / n) * side + Math.floor(((at % n) * side) / n);
    largest[pixel] = Math.max(largest[pixel] ?? 0, Math.abs(entry));
  }
  const data = new Uint8Array(3 * side * side);
  for (const [pixel, magnitude] of largest.entries()) {
    data.set(colourAt(1 + (Math.log10(magnitude) - top) / decades), 3 * pixel);
  }
  return { width: side, height: side, data };
}

/** Dark to bright, of evenly rising lightness. */
const colours: readonly (readonly [number, number, number])[] = [
  [13, 8, 28],
  [59, 15, 91],
  [124, 29, 109],
  [187, 55, 84],
  [237, 105, 37],
  [252, 180, 60],
  [252, 244, 190],
];

/** The colour of a share from 0 to 1; below and above, the ends. */
export function colourAt(share: number): [number, number, number] {
  const at = Math.min(1, Math.max(0, Number.isNaN(share) ? 0 : share)) * (colours.length - 1);
  const from = colours[Math.floor(at)] ?? [0, 0, 0];
  const to = colours[Math.ceil(at)] ?? from;
  const mix = (i: 0 | 1 | 2): number => Math.round(from[i] + (to[i] - from[i]) * (at - Math.floor(at)));
  return [mix(0), mix(1), mix(2)];
}

/** What the colours mean. */
export function colourBar({ top, decades }: Pick<PictureOptions, "top" | "decades">): Html {
  const steps = 96;
  const cells = Array.from({ length: steps }, (_, i) => {
    const [r, g, b] = colourAt(i / (steps - 1));
    return raw(`<rect x="${i}" y="0" width="1.05" height="3" fill="rgb(${r},${g},${b})"/>`);
  });
  const marks = Array.from({ length: 5 }, (_, i) => {
    const exponent = top - decades * (1 - i / 4);
    return html`<text x="${(steps * i) / 4}" y="6" font-size="2.6" text-anchor="${i === 0 ? "start" : i === 4 ? "end" : "middle"}">${`10^${exponent.toFixed(1)}`}</text>`;
  });
  return html`<svg class="bar" viewBox="0 0 ${steps} 7" role="img" aria-label="Magnitude of an entry by its colour">${cells}${marks}</svg>`;
}
