/** Vectors and rows of vectors over the parameters as arrays in a file. */
import { mkdir } from "node:fs/promises";
import { dirname, extname } from "node:path";
import { type ParameterSpace, type Tensor, writeNpz, writeSafetensors } from "@hessonite/core";
import { z } from "zod";

/** One array a parameter, of its shape; with several rows, the rows on a first axis. */
export function splitByParameter(
  { parameters, size }: ParameterSpace,
  v: Float64Array,
  rows?: number,
): Map<string, Tensor> {
  return new Map(
    parameters.map(({ name, shape, offset, size: length }): [string, Tensor] => {
      const data = new Float64Array((rows ?? 1) * length);
      for (let row = 0; row < (rows ?? 1); row++) {
        data.set(v.subarray(row * size + offset, row * size + offset + length), row * length);
      }
      return [name, { dtype: "float64", shape: rows === undefined ? shape : [rows, ...shape], data }];
    }),
  );
}

const safetensors = ".safetensors";

/** A file that arrays can be written to. */
export const arrayFile = z.string().regex(/\.(npz|safetensors)$/, "a file name that ends in .npz or .safetensors");

export async function writeArrays(path: string, arrays: ReadonlyMap<string, Tensor>): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await (extname(path) === safetensors ? writeSafetensors(path, arrays) : writeNpz(path, arrays));
}
