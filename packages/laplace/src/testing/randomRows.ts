import { randomStream } from "@hessonite/core";

/** Standard normals. */
export function randomRows(rows: number, columns: number, seed: number): number[][] {
  const stream = randomStream(seed, "rows");
  return Array.from({ length: rows }, () => Array.from({ length: columns }, () => stream.normal()));
}
