/**
 * Scores in an npz or safetensors file, written as they come: no more than a batch of them is in memory.
 *
 *     scores [queries, rows, positions]      or "scores <module>" for each module; without the last axis for 1 position
 *     standard_error, likewise               with several checkpoints
 *     further arrays that are known beforehand
 */
import { type ArrayStream, type NumericArray, streamTensors, type Tensor } from "@hessonite/core";
import type { ScoreSink } from "./sink.ts";

export interface ScoreFileForm {
  readonly queries: number;
  readonly rows: number;
  readonly modules?: readonly string[] | undefined;
  readonly further?: Readonly<Record<string, Tensor>>;
  /** Text that goes with the file, where its format has such. */
  readonly metadata?: Readonly<Record<string, string>>;
}

export interface ScoreFile extends ScoreSink, AsyncDisposable {
  /** Puts the file into its place. Without it, disposing leaves nothing behind. */
  finish(): Promise<void>;
}

export function scoreFile(path: string, { queries, rows, modules, further = {}, metadata }: ScoreFileForm): ScoreFile {
  let stream: ArrayStream | undefined;
  const namesOf = (what: string): string[] => modules?.map((module) => `${what} ${module}`) ?? [what];
  const begin = async (positions: number, withErrors: boolean): Promise<ArrayStream> => {
    const shape = positions === 1 ? [queries, rows] : [queries, rows, positions];
    const names = [...namesOf("scores"), ...(withErrors ? namesOf("standard_error") : [])];
    const arrays = Object.fromEntries(names.map((name) => [name, { dtype: "float64" as const, shape }]));
    const made = await streamTensors(path, { ...arrays, ...further }, { metadata });
    for (const [name, { data }] of Object.entries(further)) await made.write(name, 0, data as NumericArray);
    return made;
  };
  return {
    async add({ firstRow, rows: some, positions, scores, standardErrors }) {
      stream ??= await begin(positions, standardErrors !== undefined);
      const width = some * positions;
      const parts = [
        ...scores.map((data, i) => [namesOf("scores")[i]!, data] as const),
        ...(standardErrors ?? []).map((data, i) => [namesOf("standard_error")[i]!, data] as const),
      ];
      for (const [name, data] of parts) {
        for (let q = 0; q < queries; q++) {
          const row = data.subarray(q * width, (q + 1) * width);
          await stream.write(name, (q * rows + firstRow) * positions, row);
        }
      }
    },
    async finish() {
      stream ??= await begin(1, false);
      await stream.finish();
    },
    async [Symbol.asyncDispose]() {
      await stream?.[Symbol.asyncDispose]();
    },
  };
}
