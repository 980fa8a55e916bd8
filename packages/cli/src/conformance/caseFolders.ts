/** The case folders that a path means: itself, or those in it. */
import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { UsageError } from "@hessonite/core";

const isCase = (folder: string): boolean => existsSync(join(folder, "case.json"));

/** @throws {UsageError} if there is no case at `path` nor in it. */
export function caseFolders(path: string): string[] {
  if (isCase(path)) return [path];
  const found = isFolder(path)
    ? readdirSync(path)
        .map((name) => join(path, name))
        .filter(isCase)
        .sort()
    : [];
  if (found.length > 0) return found;
  throw new UsageError("Cannot run conformance cases as none is at this path", {
    at: path,
    expected: "a folder with a case.json, or a folder of such folders",
    found: existsSync(path) ? "neither" : "nothing",
  });
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}
