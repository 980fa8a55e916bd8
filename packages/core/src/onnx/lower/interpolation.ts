/**
 * The weights of one-dimensional interpolation: which elements of an axis, with which weights, make each resized one.
 *
 * Output position i has the source coordinate s(i); the taps around it are weighted by a kernel of the distance:
 *
 *     linear   1 − |t|                                  for |t| ≤ 1
 *     cubic    (A+2)|t|³ − (A+3)|t|² + 1                for |t| ≤ 1
 *              A|t|³ − 5A|t|² + 8A|t| − 4A              for |t| < 2     (Keys 1981)
 *
 * With antialiasing and a scale below 1 the kernel is stretched by 1/scale and its weights are normalised. Taps beyond
 * the ends count for the end element, or not at all with `excludeOutside`.
 */
export type InterpolationMode = "nearest" | "linear" | "cubic";

export interface ResizedAxis {
  readonly axis: number;
  readonly length: number;
  readonly size: number;
  /** As given; size/length is not it where it was rounded. */
  readonly scale: number;
  /** Begin and end of the region to resize, in parts of the axis. */
  readonly region: readonly [number, number];
}

export interface Interpolation {
  readonly mode: InterpolationMode;
  /** ONNX's `coordinate_transformation_mode`. */
  readonly coordinates: string;
  /** ONNX's `nearest_mode`. */
  readonly rounding: string;
  readonly cubicA: number;
  readonly antialias: boolean;
  readonly excludeOutside: boolean;
  refuse(found: string): Error;
}

/** An element and its weight. */
export interface Tap {
  readonly from: number;
  readonly weight: number;
}

/** The taps of one output position; none outside the region. */
export type Row = readonly Tap[];

type Coordinate = (i: number, axis: ResizedAxis) => number;

const coordinates: Readonly<Record<string, Coordinate>> = {
  asymmetric: (i, { scale }) => i / scale,
  half_pixel: (i, { scale }) => (i + 0.5) / scale - 0.5,
  pytorch_half_pixel: (i, { scale, size }) => (size > 1 ? (i + 0.5) / scale - 0.5 : 0),
  align_corners: (i, { scale, length }) => (scale * length === 1 ? 0 : (i * (length - 1)) / (scale * length - 1)),
  // The centre of the axis is the centre of its rounded size.
  half_pixel_symmetric: (i, { scale, length, size }) =>
    (length / 2) * (1 - size / (scale * length)) + (i + 0.5) / scale - 0.5,
  tf_half_pixel_for_nn: (i, { scale }) => (i + 0.5) / scale,
  tf_crop_and_resize: (i, { scale, length, region: [begin, end] }) => {
    const size = scale * length;
    const inside = size === 1 ? ((end - begin) * (length - 1)) / 2 : (i * (end - begin) * (length - 1)) / (size - 1);
    return begin * (length - 1) + inside;
  },
};

const roundings: Readonly<Record<string, (x: number) => number>> = {
  floor: Math.floor,
  ceil: Math.ceil,
  round_prefer_floor: (x) => Math.ceil(x - 0.5),
  round_prefer_ceil: (x) => Math.floor(x + 0.5),
  simple: Math.trunc,
};

/** One row for each output position. */
export function interpolationRows(axis: ResizedAxis, how: Interpolation): Row[] {
  const coordinate = coordinates[how.coordinates];
  if (!coordinate) throw how.refuse(how.coordinates);
  const cropping = how.coordinates === "tf_crop_and_resize";
  return Array.from({ length: axis.size }, (_, i) => {
    const source = coordinate(i, axis);
    return cropping && (source < 0 || source > axis.length - 1) ? [] : rowAt(source, axis, how);
  });
}

function rowAt(source: number, axis: ResizedAxis, how: Interpolation): Row {
  const end = axis.length - 1;
  const clamp = (from: number): number => Math.min(Math.max(from, 0), end);
  if (how.mode === "nearest") {
    const round = roundings[how.rounding];
    if (!round) throw how.refuse(how.rounding);
    return [{ from: clamp(round(source)), weight: 1 }];
  }
  const taps = tapsAround(source, axis, how);
  const counted = how.excludeOutside ? taps.filter(({ from }) => from >= 0 && from <= end) : taps;
  const total = how.excludeOutside || how.antialias ? counted.reduce((sum, tap) => sum + tap.weight, 0) : 1;
  return counted.map(({ from, weight }) => ({ from: clamp(from), weight: weight / total }));
}

/** The taps within the kernel's support, some of which may lie beyond the ends. */
function tapsAround(source: number, { scale }: ResizedAxis, { mode, antialias, cubicA }: Interpolation): Tap[] {
  const stretch = antialias ? Math.min(scale, 1) : 1;
  const kernel = mode === "linear" ? linear : cubic(cubicA);
  const support = (mode === "linear" ? 1 : 2) / stretch;
  const [first, last] = [Math.ceil(source - support), Math.floor(source + support)];
  const taps = Array.from({ length: last - first + 1 }, (_, k) => ({
    from: first + k,
    weight: kernel((first + k - source) * stretch),
  }));
  return taps.filter(({ weight }) => weight !== 0);
}

const linear = (t: number): number => Math.max(0, 1 - Math.abs(t));

const cubic =
  (a: number) =>
  (t: number): number => {
    const d = Math.abs(t);
    if (d <= 1) return ((a + 2) * d - (a + 3)) * d * d + 1;
    return d < 2 ? ((a * d - 5 * a) * d + 8 * a) * d - 4 * a : 0;
  };
