/** Retrained losses from a file: arrays `masks [subsets, rows]` and `losses [seeds, subsets, queries]`. */
import { MismatchError, readTensors, type Tensor, UsageError } from "@hessonite/core";
import type { Retraining } from "./datamodelingScore.ts";

/** @throws {UsageError | MismatchError} if an array is missing, or the two do not fit together. */
export async function readRetraining(path: string): Promise<Retraining> {
  const { tensors } = await readTensors(path);
  const read = async (name: string, rank: number): Promise<Tensor> => {
    const value = await tensors.get(name)?.read();
    if (value?.shape.length === rank) return value;
    throw new UsageError("Cannot evaluate against retrained losses as an array is missing or of another rank", {
      at: path,
      expected: `"${name}" of rank ${rank}`,
      found: value ? `rank ${value.shape.length}` : [...tensors.keys()].join(", "),
    });
  };
  const masks = await read("masks", 2);
  const losses = await read("losses", 3);
  const [subsets, rows] = masks.shape as [number, number];
  const [seeds, found, queries] = losses.shape as [number, number, number];
  if (found !== subsets) {
    throw new MismatchError("Cannot evaluate against retrained losses as masks and losses differ in subsets", {
      at: path,
      expected: subsets,
      found,
    });
  }
  return { subsets, rows, seeds, queries, masks: masks.data, losses: losses.data };
}
