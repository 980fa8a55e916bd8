/**
 * A pruned model's file: as it was with other weights, rounded, and in a form that takes fewer bytes on disk.
 *
 *     bits       8 or 4: levels behind DequantizeLinear, or as ONNX Runtime's MatMulNBits
 *     packed     non-zeros with a bitmap in safetensors beside a graph that decodes them as it is loaded
 *     sparse     ONNX's sparse_initializer, in one file
 */
import { access, stat, writeFile } from "node:fs/promises";
import { type Dataset, editModel, readModelFile, tensorsOf, UsageError, writePatchedModel } from "@hessonite/core";
import { withSparseInitializers, writeCompact } from "../compact/compactModel.ts";
import { type LatencyAt, latencies } from "../latency/batches.ts";
import type { PathPoint } from "../network/path.ts";
import type { Job, Measured } from "../network/setting.ts";
import { type RoundedPoint, roundedPoint } from "./roundedPoint.ts";

export const compactForms = ["none", "packed", "sparse"] as const;
export type CompactForm = (typeof compactForms)[number];

export interface WriteRequest {
  readonly source: string;
  readonly out: string;
  readonly bits?: 4 | 8;
  readonly standard: boolean;
  readonly compact: CompactForm;
  readonly overwrite: boolean;
  readonly metadata: Readonly<Record<string, string>>;
  readonly dense: Measured;
  /** Rows that latency is measured on. */
  readonly rows: Dataset;
}

export interface WrittenModel {
  readonly file: string;
  /** The second file of the packed form. */
  readonly weights: string | null;
  /** Of all files together. */
  readonly bytes: number;
  readonly before: number;
  readonly rounded: Omit<RoundedPoint, "file"> | null;
  readonly latency: readonly LatencyAt[];
}

/** @throws {UsageError} if the form has nothing to gain, or a file of weights would go over another. */
export async function writeModel(job: Job, point: PathPoint, request: WriteRequest): Promise<WrittenModel> {
  const { source, out, bits, standard, compact, metadata, dense, rows } = request;
  const before = (await stat(source)).size;
  const weights = compact === "packed" ? await weightsBeside(out, request.overwrite) : null;
  const values = tensorsOf(job.problem.space, point.theta);
  let rounded: RoundedPoint | null = null;
  await writePatchedModel(source, out, values, { metadata });
  if (bits !== undefined || compact !== "none") {
    let { bytes } = await readModelFile(out); // with what lies beside it inside
    if (bits !== undefined) {
      rounded = await roundedPoint(job, point, bytes, { bits, standard, dense });
      bytes = editModel(rounded.file, { metadata });
    }
    if (weights) await writeCompact(bytes, { graphPath: out, weightsPath: weights });
    else await writeFile(out, compact === "sparse" ? (await withSparseInitializers(bytes)).file : bytes);
  }
  return {
    file: out,
    weights,
    bytes: (await stat(out)).size + (weights ? (await stat(weights)).size : 0),
    before,
    rounded: rounded && withoutFile(rounded),
    latency: await latencies(source, out, rows, job.setting.signal),
  };
}

function withoutFile({ file: _, ...rest }: RoundedPoint): Omit<RoundedPoint, "file"> {
  return rest;
}

/** small.safetensors beside small.onnx. */
async function weightsBeside(out: string, overwrite: boolean): Promise<string> {
  const path = `${out.replace(/\.onnx$/, "")}.safetensors`;
  const exists = await access(path).then(
    () => true,
    () => false,
  );
  if (!exists || overwrite) return path;
  throw new UsageError("Cannot write the packed weights as there is a file of that name", {
    at: path,
    try: "another name for the model, or the option overwrite",
  });
}
