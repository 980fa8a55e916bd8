/** Numbers as people read them. */

/** Four significant digits; very large and very small ones as powers of ten. */
export function digits(x: number, significant = 4): string {
  if (x === 0 || !Number.isFinite(x)) return String(x);
  const size = Math.abs(x);
  return size >= 1e6 || size < 1e-4 ? x.toExponential(significant - 1) : x.toPrecision(significant);
}

/** `9,098` */
export function count(n: number): string {
  return Math.round(n).toLocaleString("en-US");
}

/** `1.25 G` */
export function scaled(x: number): string {
  const steps = ["", " k", " M", " G", " T", " P"];
  const step = Math.min(steps.length - 1, Math.max(0, Math.floor(Math.log10(Math.max(1, x)) / 3)));
  return `${step === 0 ? Math.round(x) : (x / 1000 ** step).toPrecision(3)}${steps[step]}`;
}

/** `12.3 MiB` */
export function bytes(n: number): string {
  const steps = ["B", "KiB", "MiB", "GiB", "TiB"];
  const step = Math.min(steps.length - 1, Math.max(0, Math.floor(Math.log2(Math.max(1, n)) / 10)));
  return `${step === 0 ? n : (n / 1024 ** step).toPrecision(3)} ${steps[step]}`;
}

/** `0.8 s`, `2 min 5 s` */
export function duration(seconds: number): string {
  if (seconds < 60) return `${seconds < 10 ? seconds.toPrecision(2) : Math.round(seconds)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${Math.round(seconds % 60)} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** `[8, 1, 3, 3]`, an unknown length as `?`. */
export function shape(dimensions: readonly (number | string | null)[] | null): string {
  return dimensions === null ? "any shape" : `[${dimensions.map((d) => d ?? "?").join(", ")}]`;
}
