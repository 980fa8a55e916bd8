/** A text for each row of a data file: identifiers, sources. From an array of the file, or a text file with a line a row. */
import { readFile } from "node:fs/promises";
import { MismatchError, openingFacts, readTensors, UsageError } from "@hessonite/core";

/** Which rows of the file are used. */
export interface RowRange {
  readonly start?: number | undefined;
  readonly end?: number | undefined;
}

/**
 * @param from Name of an array `[rows]` of the data file, or a path that ends in `.txt`.
 * @throws {UsageError} if the file has no such array, or it is not one number a row.
 */
export async function rowLabels(dataFile: string, from: string, { start = 0, end }: RowRange = {}): Promise<string[]> {
  const all = from.endsWith(".txt") ? await linesOf(from) : await arrayOf(dataFile, from);
  return all.slice(start, end);
}

async function linesOf(path: string): Promise<string[]> {
  const text = await readFile(path, "utf8").catch((cause: NodeJS.ErrnoException) => {
    throw new UsageError("Cannot read a line for each row as the file cannot be opened", openingFacts(path, cause), {
      cause,
    });
  });
  return text.replace(/\r?\n$/, "").split(/\r?\n/);
}

async function arrayOf(dataFile: string, name: string): Promise<string[]> {
  const { tensors } = await readTensors(dataFile);
  const value = await tensors.get(name)?.read();
  const [rows = 0, ...rest] = value?.shape ?? [];
  if (value && rest.every((d) => d === 1)) return Array.from(value.data.subarray(0, rows), String);
  throw new UsageError("Cannot tell rows by an array as the data have none of that name with a number a row", {
    at: dataFile,
    expected: `"${name}" of shape [rows], or a text file with a line a row`,
    found: value ? `shape [${value.shape.join(", ")}]` : [...tensors.keys()].join(", "),
  });
}

/** @throws {MismatchError} unless there is a label for each row. */
export function requireLabelForEachRow(labels: readonly string[], rows: number, where: string): void {
  if (labels.length === rows) return;
  throw new MismatchError("Cannot tell rows by these labels as there is not one for each of them", {
    at: where,
    expected: rows,
    found: labels.length,
  });
}
