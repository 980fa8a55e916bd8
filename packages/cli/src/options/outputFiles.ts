/** Files that a command will write: whether it can is known before it works, not after. */
import { access, constants, mkdir, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { UsageError } from "@hessonite/core";

/** Options that name a file to write, in every command that has them. */
const names = ["out", "report", "save", "checkpoint"] as const;

/**
 * Makes the folders of all files to be written.
 *
 * @throws {UsageError} if a folder cannot be made or written to, or a folder stands where the file would.
 */
export async function prepareOutputFiles(options: Readonly<Record<string, unknown>>): Promise<void> {
  for (const name of names) {
    const path = options[name];
    if (typeof path === "string") await prepare(name, path);
  }
}

async function prepare(name: string, path: string): Promise<void> {
  const refuse = (why: string, found: string): UsageError =>
    new UsageError(`Cannot write --${name} as ${why}`, { at: path, found, try: "a path that can be written" });
  try {
    await mkdir(dirname(path), { recursive: true });
    await access(dirname(path), constants.W_OK);
  } catch (cause) {
    throw refuse("its folder cannot be written to", (cause as Error).message);
  }
  const there = await stat(path).catch(() => undefined);
  if (there?.isDirectory()) throw refuse("a folder stands there", "a folder");
}
