/**
 * Noise for labels drawn from the model: a stream for each row, by seed and by the row's content.
 *
 * The same row gets the same noise wherever it stands, so a Monte-Carlo operator does not depend on batch sizes or on the
 * order of rows. Rows of equal content differ by how often they have come before in their batch.
 */
import { type Shape, sizeOf } from "../ir/shape.ts";
import type { Tensor } from "../ir/tensor.ts";
import { randomStream } from "../random/random.ts";
import type { PreparedBatch } from "./batches.ts";

/** `[samples, …shape]`; `shape` counts the batch's rows on its first axis. */
export function batchNoise(
  batch: PreparedBatch,
  {
    seed,
    samples,
    kind,
    shape,
  }: { readonly seed: number; readonly samples: number; readonly kind: "uniform" | "normal"; readonly shape: Shape },
): Tensor {
  const perRow = sizeOf(shape.slice(1));
  const rows = shape[0]!;
  const data = new Float64Array(samples * sizeOf(shape));
  const seen = new Map<string, number>();
  const contents = rowHashes(batch, rows);
  for (let row = 0; row < rows; row++) {
    const content = contents[row]!;
    const before = seen.get(content) ?? 0;
    seen.set(content, before + 1);
    const stream = randomStream(seed, `labels ${content} ${before}`);
    for (let sample = 0; sample < samples; sample++) {
      for (let i = 0; i < perRow; i++) data[(sample * rows + row) * perRow + i] = stream[kind]();
    }
  }
  return { dtype: "float32", shape: [samples, ...shape], data };
}

const float = new Float32Array(1);
const bits = new Uint32Array(float.buffer);

/** Hashes of a batch's rows, made once. */
const hashes = new WeakMap<PreparedBatch, string[]>();

function rowHashes(batch: PreparedBatch, rows: number): string[] {
  const known = hashes.get(batch) ?? Array.from({ length: rows }, (_, row) => rowHash(batch, row));
  hashes.set(batch, known);
  return known;
}

/** FNV-1a over a row's inputs as float32 bits, two lanes. */
function rowHash({ inputs }: PreparedBatch, row: number): string {
  let a = 0x811c9dc5;
  let b = 0x01234567;
  for (const { data, shape } of Object.values(inputs)) {
    const size = sizeOf(shape.slice(1));
    for (let i = row * size; i < (row + 1) * size; i++) {
      float[0] = data[i]!;
      const word = bits[0]!;
      a = Math.imul(a ^ word, 0x01000193);
      b = Math.imul(b ^ (word >>> 7) ^ a, 0x85ebca6b);
    }
  }
  return `${a >>> 0}.${b >>> 0}`;
}
