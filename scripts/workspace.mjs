/** Where the repository is and which packages it has. Everything here works before anything is installed. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** Absolute path of the repository. */
export const root = fileURLToPath(new URL("..", import.meta.url)).replace(/[\\/]$/, "");

/** The JSON in a file of the repository. */
export const readJson = (path) => JSON.parse(readFileSync(join(root, path), "utf8"));

/** The packages, by folder name: `{ name: "core", dir: "packages/core", manifest }`, in alphabetical order. */
export function packages() {
  return readdirSync(join(root, "packages"))
    .filter((name) => existsSync(join(root, "packages", name, "package.json")))
    .sort()
    .map((name) => ({ name, dir: `packages/${name}`, manifest: readJson(`packages/${name}/package.json`) }));
}

const skipped = new Set(["node_modules", "dist", ".turbo", ".hessonite", ".git", "coverage"]);

/** Every file under a folder of the repository, as repository paths with forward slashes, sorted; none if it is not there. */
export function filesUnder(folder) {
  if (!existsSync(join(root, folder))) return [];
  return readdirSync(join(root, folder), { withFileTypes: true })
    .filter((entry) => !skipped.has(entry.name))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const path = folder === "." ? entry.name : `${folder}/${entry.name}`;
      return entry.isDirectory() ? filesUnder(path) : [path];
    });
}

/** The sources of all packages: TypeScript, and the few modules that must be plain JavaScript (workers). */
export const sources = () =>
  packages()
    .flatMap(({ dir }) => filesUnder(`${dir}/src`))
    .filter((path) => /(?<!\.d)\.m?[tj]s$/.test(path));

/** Whether a source is only for the repository itself: never built, never published. */
export const isTest = (path) => /\.(test|bench)\.ts$/.test(path);

/** The public entry points of a package: `[["@hessonite/core", "packages/core/src/index.ts"], …]`. */
export const entryPoints = ({ dir, manifest }) =>
  Object.entries(manifest.exports ?? {})
    .filter(([, target]) => typeof target === "object" && "source" in target)
    .map(([path, { source }]) => [manifest.name + path.slice(1), `${dir}/${source.slice(2)}`]);

/** Prints what a check found and ends with its verdict. Findings are one line each. */
export function report(findings, summary) {
  for (const finding of findings) console.error(finding);
  if (findings.length > 0) process.exitCode = 1;
  else console.log(summary);
}
