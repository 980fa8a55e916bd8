/**
 * The configuration file that stands beside a result: every option as it was, and what the result was made from.
 *
 *     hessonite influence --config scores.run.yaml        does the run again
 *
 * Its entry `record` holds versions and the hashes of all files that went in; it is no option. A run from such a file says
 * which of them have changed since.
 */
import { readFile, stat, writeFile } from "node:fs/promises";
import { basename, dirname, extname, join } from "node:path";
import { parse, stringify } from "yaml";
import { z } from "zod";
import { fileIdentity } from "../options/fileIdentity.ts";
import type { Field } from "../schema/field.ts";
import { version } from "../version.ts";

export const recordSchema = z.looseObject({
  command: z.string().describe("the command that was run"),
  hessonite: z.string().describe("version"),
  node: z.string().describe("version"),
  platform: z.string(),
  folder: z.string().describe("where it was run: paths are relative to it"),
  time: z.string().describe("when it ended"),
  files: z.record(z.string(), z.string()).describe("SHA-256 of every file that was named"),
});
export type RunRecord = z.output<typeof recordSchema>;

/** Options whose values are files that a command writes. */
const results: readonly string[] = ["out", "report"];

interface FinishedRun {
  readonly command: string;
  /** By key, as they were written. */
  readonly given: Readonly<Record<string, unknown>>;
  readonly fields: readonly Field[];
}

/** Writes one beside each result; nothing where the command wrote none. */
export async function writeRunFiles({ command, given, fields }: FinishedRun): Promise<string[]> {
  const targets = results.map((key) => given[key]).filter((path) => typeof path === "string");
  if (targets.length === 0) return [];
  const values = fields.map(({ key, name, preset }) => [name, given[key] ?? preset] as const);
  const options = Object.fromEntries(values.filter(([, value]) => value !== undefined));
  const record: RunRecord = {
    command,
    hessonite: version,
    node: process.versions.node,
    platform: `${process.platform} ${process.arch}`,
    folder: process.cwd(),
    time: new Date().toISOString(),
    files: await hashesOf(given),
  };
  const text = `# hessonite ${command} --config <this file>\n${stringify({ ...options, record })}`;
  const paths = [...new Set(targets.map(runFileOf))];
  for (const path of paths) await writeFile(path, text);
  return paths;
}

/** `scores.npz` → `scores.run.yaml` */
export function runFileOf(result: string): string {
  return join(dirname(result), `${basename(result, extname(result))}.run.yaml`);
}

/** Of every file that an option names, but for those that the command writes; and of those that such a YAML file names. */
async function hashesOf(given: Readonly<Record<string, unknown>>): Promise<Record<string, string>> {
  const hashes: Record<string, string> = {};
  const add = async (value: unknown): Promise<void> => {
    for (const word of wordsIn(value)) {
      if (word in hashes || !(await isFile(word))) continue;
      hashes[word] = (await fileIdentity(word)).sha256;
      if (/\.ya?ml$/.test(word)) await add(parse(await readFile(word, "utf8")));
    }
  };
  await add(Object.entries(given).flatMap(([key, value]) => (results.includes(key) ? [] : [value])));
  return hashes;
}

/** Every text in a value. */
function wordsIn(value: unknown): string[] {
  if (typeof value === "string") return value === "" ? [] : [value];
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(wordsIn) : [];
}

async function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isFile(),
    () => false,
  );
}

/** What is not as it was when the record was made, a sentence each. */
export async function changesSince({ hessonite, files }: RunRecord): Promise<string[]> {
  const changes = hessonite === version ? [] : [`this is version ${version}, the record is of ${hessonite}`];
  for (const [path, hash] of Object.entries(files)) {
    const now = (await isFile(path)) ? (await fileIdentity(path)).sha256 : undefined;
    if (now !== hash) changes.push(`${path} ${now ? "is not the file" : "is not there"} that the record is of`);
  }
  return changes;
}
