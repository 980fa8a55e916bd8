/** What a person is told of a file that cannot be opened. */
import type { ErrorFacts } from "./errors.ts";

const reasons: Readonly<Record<string, string>> = {
  ENOENT: "no such file",
  ENOTDIR: "no such file: a part of its path is no folder",
  EISDIR: "a folder",
  EACCES: "a file that may not be read",
  EPERM: "a file that may not be read",
  EMFILE: "too many open files",
};

/** The facts of an error about opening `path`: where, and what the system said in words; its own words where we have none. */
export function openingFacts(path: string, { code, message }: NodeJS.ErrnoException): ErrorFacts {
  return { at: path, found: reasons[code ?? ""] ?? message };
}
