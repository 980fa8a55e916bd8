/** A query's scores at a time, from memory or from the file that holds them: the whole matrix is never read. */
import { readTensors, type StoredTensor } from "@hessonite/core";
import type { InfluenceResult } from "@hessonite/influence";

export interface ScoreRows {
  /** `[rows]`: one query's scores, modules and positions summed. */
  total(query: number): Promise<Float64Array>;
  /** `[rows]`: their standard errors; undefined where there are none for one score a row. */
  errors(query: number): Promise<Float64Array | undefined>;
}

type Read = (query: number) => Promise<ArrayLike<number>>;

/** Undefined where the matrix of scores was not asked for. */
export async function scoreRows(found: InfluenceResult): Promise<ScoreRows | undefined> {
  const { rows, positions } = found;
  const { scores, errors } = found.scoresFile ? await inFile(found.scoresFile) : inMemory(found);
  if (scores.length === 0) return undefined;
  const [only] = scores.length === 1 && positions === 1 ? errors : [];
  return {
    async total(query) {
      const out = new Float64Array(rows);
      for (const read of scores) {
        for (const [at, x] of Array.from(await read(query)).entries()) {
          const row = Math.floor(at / positions);
          out[row] = (out[row] ?? 0) + x;
        }
      }
      return out;
    },
    errors: async (query) => (only ? Float64Array.from(await only(query)) : undefined),
  };
}

function inMemory({ scores, standardErrors, rows, positions }: InfluenceResult): Readers {
  const width = rows * positions;
  const read = (data: Float64Array): Read => {
    return async (query) => data.subarray(query * width, (query + 1) * width);
  };
  return { scores: scores.map(read), errors: standardErrors.map(read) };
}

interface Readers {
  readonly scores: readonly Read[];
  readonly errors: readonly Read[];
}

async function inFile(path: string): Promise<Readers> {
  const { tensors } = await readTensors(path);
  const read = ({ rows, ...whole }: StoredTensor): Read => {
    if (rows) return async (query) => (await rows(query, query + 1)).data;
    return async (query) => {
      const { shape, data } = await whole.read();
      const width = data.length / (shape[0] ?? 1);
      return data.subarray(query * width, (query + 1) * width);
    };
  };
  const named = (what: string): Read[] =>
    [...tensors].filter(([name]) => name === what || name.startsWith(`${what} `)).map(([, stored]) => read(stored));
  return { scores: named("scores"), errors: named("standard_error") };
}
