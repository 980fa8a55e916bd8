/**
 * Dense linear algebra, one thread, against ml-matrix and (where koffi finds one) the system's LAPACK, in one run.
 *
 *     pnpm bench linalg            everything; some 90 s
 *     pnpm bench linalg -- quick   without the sizes at which ml-matrix takes long
 *
 * Figures are processor seconds of the process (all of one thread, and steadier than the clock on a shared machine), the
 * least of a few repeats, the contestants taking turns. Writes bench/results/linalg.json.
 */
process.env["OPENBLAS_NUM_THREADS"] = "1"; // before the library is loaded

import { mkdirSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus, totalmem } from "node:os";
import { CholeskyDecomposition, EigenvalueDecomposition, Matrix as MlMatrix, QrDecomposition, SVD } from "ml-matrix";
import { choleskySync } from "../src/linalg/cholesky.ts";
import { type Eigendecomposition, eigh, eighMany, eighSync } from "../src/linalg/eigh.ts";
import { randomMatrix, randomSymmetric } from "../src/linalg/knownMatrices.ts";
import { findLapack } from "../src/linalg/lapack.ts";
import {
  frobeniusNorm,
  gram,
  identity,
  type Matrix,
  matmul,
  plusDiagonal,
  scaleColumns,
  subtract,
} from "../src/linalg/matrix.ts";
import { qrSync } from "../src/linalg/qr.ts";
import { svdSync } from "../src/linalg/svd.ts";
import { maxAbs } from "../src/linalg/vector.ts";

interface Row {
  readonly what: string;
  readonly side: number;
  /** Processor seconds. */
  readonly ours: number;
  readonly mlMatrix?: number;
  readonly lapack?: number;
  readonly gflops?: number;
  readonly residual?: number;
  readonly orthogonality?: number;
}

type Contestants = Readonly<Record<string, (() => unknown) | undefined>>;

const quick = process.argv.includes("quick");
const lapack = await findLapack();
const other = (m: Matrix): MlMatrix => MlMatrix.from1DArray(m.rows, m.columns, m.data);

const wallSeconds = (): number => performance.now() / 1000;

function processorSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

/** Least time of each contestant over `rounds`, in turns; a contestant that takes over two seconds runs once. */
async function race(contestants: Contestants, rounds: number, now = processorSeconds): Promise<Record<string, number>> {
  const best: Record<string, number> = {};
  for (let round = 0; round < rounds; round++) {
    for (const [name, run] of Object.entries(contestants)) {
      if (run === undefined || (best[name] ?? 0) > 2) continue;
      best[name] = Math.min(best[name] ?? Number.POSITIVE_INFINITY, await timeOf(run, now));
    }
  }
  return best;
}

/** Seconds of one run: the mean of as many as fill 20 ms, for the clock of the processor is coarse. */
async function timeOf(run: () => unknown, now: () => number): Promise<number> {
  const start = now();
  for (let runs = 1; ; runs++) {
    await run();
    const spent = now() - start;
    if (spent > 0.02) return spent / runs;
  }
}

async function measure(
  what: string,
  side: number,
  contestants: Contestants,
  more: Partial<Row> & { readonly flops?: number } = {},
): Promise<Row> {
  const { flops, ...facts } = more;
  const { ours, mlMatrix, lapack } = await race(contestants, side >= 1024 ? 6 : 10);
  const row: Row = {
    what,
    side,
    ours: ours!,
    ...(mlMatrix !== undefined && { mlMatrix }),
    ...(lapack !== undefined && { lapack }),
    ...(flops !== undefined && { gflops: flops / ours! / 1e9 }),
    ...facts,
  };
  print(row);
  return row;
}

/** ‖A V − V Λ‖_F / ‖A‖_F and max |VᵀV − I| */
function quality(a: Matrix, { values, vectors }: Eigendecomposition): { residual: number; orthogonality: number } {
  return {
    residual: frobeniusNorm(subtract(matmul(a, vectors), scaleColumns(vectors, values))) / frobeniusNorm(a),
    orthogonality: maxAbs(subtract(matmul(vectors, vectors, { a: true }), identity(a.rows)).data),
  };
}

const seconds = (x: number | undefined): string => (x === undefined ? "–" : x.toPrecision(3)).padStart(9);
const ratio = (x: number | undefined, y: number): string =>
  (x === undefined ? "–" : `${(x / y).toFixed(2)}×`).padStart(9);

function print({ what, side, ours, mlMatrix, lapack, gflops, residual, orthogonality }: Row): void {
  const notes = [
    gflops === undefined ? "" : `${gflops.toFixed(1)} GFLOP/s`,
    residual === undefined
      ? ""
      : `residual ${residual.toExponential(1)}, orthogonality ${orthogonality!.toExponential(1)}`,
  ].filter((note) => note !== "");
  console.log(
    `${what.padEnd(12)}${String(side).padStart(5)} ${seconds(ours)} ${seconds(mlMatrix)} ${seconds(lapack)} ${ratio(mlMatrix, ours)} ${ratio(lapack && ours, lapack ?? 1)}  ${notes.join(", ")}`,
  );
}

console.log(
  `${"".padEnd(17)} ${"ours s".padStart(9)} ${"ml-matrix".padStart(9)} ${"LAPACK".padStart(9)} ${"faster".padStart(9)} ${"slower".padStart(9)}`,
);
const rows: Row[] = [];

for (const n of [128, 256, 512, 1024, 2048]) {
  const [a, b] = [randomMatrix(n, n, 1), randomMatrix(n, n, 2)];
  const [x, y] = [other(a), other(b)];
  rows.push(
    await measure(
      "product",
      n,
      { ours: () => matmul(a, b), mlMatrix: n > 512 ? undefined : () => x.mmul(y) },
      { flops: 2 * n ** 3 },
    ),
  );
}
for (const n of [64, 128, 256, 512, 1024, 2048]) {
  const a = randomSymmetric(n);
  const x = other(a);
  const slow = n > 1024 || (quick && n > 512);
  const contestants = {
    ours: () => eighSync(a),
    mlMatrix: slow ? undefined : () => new EigenvalueDecomposition(x, { assumeSymmetric: true }),
    lapack: lapack && (() => eigh(a, { backend: "lapack" })),
  };
  rows.push(await measure("eigh", n, contestants, quality(a, eighSync(a))));
}
for (const n of [256, 1024]) {
  const a = plusDiagonal(gram(randomMatrix(n, n), { of: "columns" }), 1);
  const x = other(a);
  rows.push(
    await measure(
      "Cholesky",
      n,
      { ours: () => choleskySync(a), mlMatrix: () => new CholeskyDecomposition(x) },
      { flops: n ** 3 / 3 },
    ),
  );
}
for (const n of [256, 512]) {
  const a = randomMatrix(n, n);
  const x = other(a);
  rows.push(await measure("QR", n, { ours: () => qrSync(a), mlMatrix: () => new QrDecomposition(x).orthogonalMatrix }));
  rows.push(await measure("SVD", n, { ours: () => svdSync(a), mlMatrix: quick ? undefined : () => new SVD(x) }));
}

const factors = Array.from({ length: 4 }, (_, i) => randomSymmetric(512, i));
const { alone, together } = await race(
  {
    alone: () => eighMany(factors, { backend: "wasm", workers: 1 }),
    together: () => eighMany(factors, { backend: "wasm", workers: availableParallelism() }),
  },
  3,
  wallSeconds,
);
console.log(
  `\nfour eigh of side 512, by the clock: ${alone!.toFixed(3)} s on one worker, ${together!.toFixed(3)} s on ${availableParallelism()}`,
);

const environment = {
  node: process.version,
  processor: cpus()[0]?.model,
  processors: availableParallelism(),
  gigabytes: Math.round(totalmem() / 2 ** 30),
  lapack: lapack?.library,
};
mkdirSync(new URL("results/", import.meta.url), { recursive: true });
writeFileSync(
  new URL("results/linalg.json", import.meta.url),
  `${JSON.stringify({ environment, rows, fourFactors: { side: 512, oneWorker: alone, allWorkers: together } }, null, 2)}\n`,
);
