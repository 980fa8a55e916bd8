/**
 * OBC's and SparseGPT's sweeps against straightforward dense code, in the same run and with the same results.
 *
 *     pnpm bench sweeps [-- --repeats 3 --rows 16]
 *
 * OBC's cost is that of its rows, some d³/6 multiplications each: `--rows` of them are timed, of both codes, and the time of all
 * rows is that of one times their number. SparseGPT's is d³ once and out · d² for the rows: it is timed as a whole. Times are the
 * minimum of repeats, the two codes in turn. Writes bench/results/sweeps.json.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { fileURLToPath } from "node:url";
import { type Matrix, matrix, randomStream } from "@hessonite/core";
import { layerHessian, obcTraces, prepareLayer, sparsegptSweep, unitsOf } from "../src/index.ts";

const words = process.argv.slice(2);
const flag = (name: string, otherwise: number): number => {
  const at = words.indexOf(`--${name}`);
  return at < 0 ? otherwise : Number(words[at + 1]);
};
const [repeats, timedRows] = [flag("repeats", 3), flag("rows", 16)];

/** Each row's own copy of H⁻¹, a rank-one update of all of it for each weight. */
function plainTrace(inverse: Matrix, row: Float64Array): Float64Array {
  const d = inverse.rows;
  const [h, w] = [inverse.data.slice(), row.slice()];
  const gone = new Uint8Array(d);
  const rises = new Float64Array(d);
  for (let step = 0; step < d; step++) {
    let [best, least] = [-1, Number.POSITIVE_INFINITY];
    for (let j = 0; j < d; j++) {
      const cost = w[j]! ** 2 / h[j * d + j]!;
      if (!gone[j] && cost < least) [best, least] = [j, cost];
    }
    rises[step] = 0.5 * least;
    gone[best] = 1;
    const pivotRow = h.slice(best * d, (best + 1) * d);
    const pivot = pivotRow[best]!;
    const ratio = w[best]! / pivot;
    for (let j = 0; j < d; j++) w[j]! -= ratio * pivotRow[j]!;
    for (let i = 0; i < d; i++) {
      const factor = pivotRow[i]! / pivot;
      for (let j = 0; j < d; j++) h[i * d + j]! -= factor * pivotRow[j]!;
    }
  }
  return rises;
}

/** Column by column; the error goes to every later column of every row at once, by U's rows. */
function plainSweep(inverse: Matrix, weights: Matrix, zeros: number, of: number): Float64Array {
  const d = inverse.rows;
  const upper = plainUpper(inverse);
  const w = weights.data.slice();
  const mask = new Uint8Array(w.length);
  for (let j = 0; j < d; j++) {
    for (let r = 0; r < weights.rows; r++) {
      if (j % of === 0) {
        const group = Array.from({ length: of }, (_, k) => j + k);
        group.sort((a, b) => (w[r * d + a]! / upper[a * d + a]!) ** 2 - (w[r * d + b]! / upper[b * d + b]!) ** 2);
        for (const k of group.slice(0, zeros)) mask[r * d + k] = 1;
      }
      if (!mask[r * d + j]) continue;
      const error = w[r * d + j]! / upper[j * d + j]!;
      for (let k = j; k < d; k++) w[r * d + k]! -= error * upper[j * d + k]!;
      w[r * d + j] = 0;
    }
  }
  return w;
}

/** U with H⁻¹ = UᵀU, entry by entry. */
function plainUpper({ rows: d, data }: Matrix): Float64Array {
  const u = new Float64Array(d * d);
  for (let j = 0; j < d; j++) {
    for (let i = j; i < d; i++) {
      let sum = data[j * d + i]!;
      for (let k = 0; k < j; k++) sum -= u[k * d + i]! * u[k * d + j]!;
      u[j * d + i] = i === j ? Math.sqrt(sum) : sum / u[j * d + j]!;
    }
  }
  return u;
}

function layerOf(rows: number, d: number) {
  const stream = randomStream(d, "bench");
  const x = matrix(
    2 * d,
    d,
    Float64Array.from({ length: 2 * d * d }, () => stream.normal()),
  );
  for (let at = 0; at < x.data.length; at++) if (at % d > 0) x.data[at] = 0.9 * x.data[at - 1]! + 0.44 * x.data[at]!;
  const weights = matrix(
    rows,
    d,
    Float64Array.from({ length: rows * d }, () => stream.normal()),
  );
  return prepareLayer(weights, layerHessian(x), { damping: 0.01 });
}

function seconds(work: () => void): number {
  const start = performance.now();
  work();
  return (performance.now() - start) / 1000;
}

/** Minimum times of both, in turn. */
function race(ours: () => void, plain: () => void): readonly [number, number] {
  let [a, b] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
  for (let repeat = 0; repeat < repeats; repeat++) {
    a = Math.min(a, seconds(ours));
    b = Math.min(b, seconds(plain));
  }
  return [a, b];
}

function requireSame(ours: Float64Array, plain: Float64Array, what: string): void {
  const worst = ours.reduce(
    (most, x, at) => Math.max(most, Math.abs(x - plain[at]!) / (1e-6 + Math.abs(plain[at]!))),
    0,
  );
  if (!(worst < 1e-5)) throw new Error(`${what}: the two codes differ by ${worst}`);
}

const results: Record<string, number | string>[] = [];

function report(row: Record<string, number | string>): void {
  results.push(row);
  console.log(
    Object.entries(row)
      .map(([key, value]) => `${key} ${typeof value === "number" ? Number(value.toPrecision(4)) : value}`)
      .join("  "),
  );
}

for (const d of [128, 256, 512]) {
  const layer = layerOf(timedRows, d);
  const units = unitsOf({ kind: "element" }, layer.weights);
  const rowsOf = (r: number): Float64Array => layer.weights.data.subarray(r * d, (r + 1) * d);
  requireSame(obcTraces(layer, units)[0]!.rises, plainTrace(layer.inverse, rowsOf(0)), "OBC");
  const [ours, plain] = race(
    () => void obcTraces(layer, units),
    () => {
      for (let r = 0; r < timedRows; r++) plainTrace(layer.inverse, rowsOf(r));
    },
  );
  const perRow = ours / timedRows;
  report({
    method: "OBC, a row",
    inputs: d,
    milliseconds: 1000 * perRow,
    plain: (1000 * plain) / timedRows,
    factor: plain / ours,
  });
  for (const rows of d === 512 ? [512, 2048] : [])
    report({
      method: "OBC, all rows",
      rows,
      inputs: d,
      seconds: rows * perRow,
      plain: (rows * plain) / timedRows,
      factor: plain / ours,
    });
}
for (const rows of [512, 2048]) {
  const layer = layerOf(rows, 512);
  const units = unitsOf({ kind: "n:m", n: 2, m: 4 }, layer.weights);
  requireSame(
    sparsegptSweep(layer, units, { sparsity: 0.5 }).weights.data,
    plainSweep(layer.inverse, layer.weights, 2, 4),
    "SparseGPT",
  );
  const [ours, plain] = race(
    () => void sparsegptSweep(layer, units, { sparsity: 0.5 }),
    () => void plainSweep(layer.inverse, layer.weights, 2, 4),
  );
  report({ method: "SparseGPT 2:4", rows, inputs: 512, seconds: ours, plain, factor: plain / ours });
}

const folder = fileURLToPath(new URL("results/", import.meta.url));
mkdirSync(folder, { recursive: true });
const environment = { node: process.version, cpu: cpus()[0]?.model ?? "unknown", repeats, timedRows };
writeFileSync(`${folder}/sweeps.json`, `${JSON.stringify({ environment, results }, null, 2)}\n`);
