/** Writes a report and says where it is. */
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { UsageError } from "@hessonite/core";

/** @throws {UsageError} if the file cannot be written. */
export async function writeReport(path: string, text: string, note: (text: string) => void): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text);
  } catch (cause) {
    throw new UsageError(
      "Cannot write the report as its file cannot be made",
      { at: path, found: (cause as Error).message },
      { cause },
    );
  }
  note(`Report: ${resolve(path)}`);
}
