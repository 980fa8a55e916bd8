/** Random probe vectors, and products with them a few rows at a time. */
import { MismatchError } from "../errors.ts";
import { norm, row } from "../linalg/vector.ts";
import type { LinearOperator, Vector } from "../operators/linearOperator.ts";
import { randomStream } from "../random/random.ts";
import type { EstimatorOptions, EstimatorProgress, SamplingOptions } from "./estimate.ts";

/** Both have E z zᵀ = I. Signs vary least in zᵀ A z; normals have no preferred axes. */
export type ProbeKind = "sign" | "normal";

/** Rows that one product is asked for. */
const rowsAtOnce = 16;

/** `count` contiguous probes from number `first` on. Each has a stream of its own: no budget or chunk moves another. */
export function probeRows(kind: ProbeKind, n: number, seed: number, first: number, count: number): Vector {
  const rows = new Float64Array(count * n);
  for (let i = 0; i < count; i++) {
    const random = randomStream(seed, `probe ${first + i}`);
    for (let j = i * n; j < (i + 1) * n; j++) rows[j] = random[kind]();
  }
  return rows;
}

/** `count` contiguous probes, uniform on the sphere of radius √n. */
export function sphereRows(n: number, seed: number, count: number): Vector {
  const rows = probeRows("normal", n, seed, 0, count);
  for (let i = 0; i < count; i++) {
    const x = row(rows, i, n);
    const scale = Math.sqrt(n) / norm(x);
    x.forEach((xi, j) => {
      x[j] = scale * xi;
    });
  }
  return rows;
}

/** Counts products up to a known total. */
export interface Meter {
  readonly signal: AbortSignal | undefined;
  readonly spent: number;
  spend(products: number): void;
}

export function meterOf({ signal, onProgress }: EstimatorOptions, total: number): Meter {
  let spent = 0;
  return {
    signal,
    get spent() {
      return spent;
    },
    spend(products) {
      spent += products;
      onProgress?.({ done: spent, total } satisfies EstimatorProgress);
    },
  };
}

/** A x for each of the contiguous rows x, a few at a time. */
export async function applyRows(a: LinearOperator, rows: Vector, meter: Meter): Promise<Vector> {
  const [m, n] = a.shape;
  const count = n === 0 ? 0 : rows.length / n;
  const result = new Float64Array(count * m);
  for (let first = 0; first < count; first += rowsAtOnce) {
    meter.signal?.throwIfAborted();
    const k = Math.min(rowsAtOnce, count - first);
    const some = rows.slice(first * n, (first + k) * n);
    result.set(await a.apply(some, { k, ...(meter.signal && { signal: meter.signal }) }), first * m);
    meter.spend(k);
  }
  return result;
}

/** Calls `take` with each probe z and A z, in order; never more than a few rows are in memory. */
export async function forEachProbe(
  a: LinearOperator,
  options: SamplingOptions,
  kind: ProbeKind,
  take: (z: Vector, az: Vector) => void,
): Promise<Meter> {
  const { samples, seed = 0 } = options;
  const [m, n] = a.shape;
  const meter = meterOf(options, samples);
  for (let first = 0; first < samples; first += rowsAtOnce) {
    const k = Math.min(rowsAtOnce, samples - first);
    const z = probeRows(kind, n, seed, first, k);
    const az = await applyRows(a, z, meter);
    for (let i = 0; i < k; i++) take(row(z, i, n), row(az, i, m));
  }
  return meter;
}

/** The side of a square operator. */
export function requireSquareOperator(a: LinearOperator, action: string): number {
  const [rows, columns] = a.shape;
  if (rows === columns) return rows;
  throw new MismatchError(`Cannot ${action} of ${a.name} as it is not square`, { found: `${rows} × ${columns}` });
}
