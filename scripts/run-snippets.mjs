/**
 * Runs the examples in the documentation: each `ts` fence that contains an assertion, in Markdown and in TSDoc.
 *
 * In scope without an import, the first that has the name: `expect`; what the example's own file exports; what
 * `packages/<name>/snippets/scope.ts` exports (the small models and data that examples speak of); what the package
 * and core export (api.txt); and, in TSDoc, what one other source of the package exports. A fence marked `ts no-run`,
 * or without `expect`, is an illustration.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { filesUnder, isTest, packages, root } from "./workspace.mjs";

const workspace = packages();
const found = [...markdown(), ...docstrings()];
const runnable = found.filter(({ info, code }) => info === "ts" && code.includes("expect("));
console.log(`${runnable.length} of ${found.length} examples make a claim`);

for (const { dir } of workspace) rmSync(join(root, dir, ".hessonite/snippets"), { recursive: true, force: true });
for (const [i, snippet] of runnable.entries()) {
  const folder = join(root, snippet.owner.dir, ".hessonite/snippets");
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, `${i}.test.ts`), testOf(snippet));
}
if (runnable.length > 0) {
  const vitest = [join(root, "node_modules/vitest/vitest.mjs"), "run", "--config", "scripts/snippets.config.ts"];
  process.exitCode =
    spawnSync(process.execPath, [...vitest, "--reporter=dot"], { cwd: root, stdio: ["ignore", 1, 2] }).status ?? 1;
}

/** Fences of the Markdown pages; a page outside the packages speaks of core. */
function markdown() {
  return filesUnder(".")
    .filter((file) => file.endsWith(".md"))
    .flatMap((file) => fences(file, readFileSync(join(root, file), "utf8")));
}

/** Fences of the doc comments, their leading asterisks removed. */
function docstrings() {
  return workspace
    .flatMap(({ dir }) => filesUnder(`${dir}/src`))
    .filter((file) => file.endsWith(".ts") && !file.endsWith(".test.ts"))
    .flatMap((file) =>
      [...readFileSync(join(root, file), "utf8").matchAll(/\/\*\*[\s\S]*?\*\//g)].flatMap(([comment]) =>
        fences(file, comment.replace(/^[ \t]*\* ?/gm, "")),
      ),
    );
}

function fences(file, text) {
  const owner =
    workspace.find(({ dir }) => file.startsWith(`${dir}/`)) ?? workspace.find(({ name }) => name === "core");
  return [...text.matchAll(/^```(ts[^\n]*)\n([\s\S]*?)^```/gm)].map(([, info, code]) => ({
    file,
    owner,
    info: info.trim(),
    code,
  }));
}

/** A test file around an example. Its own imports stay on top; the rest becomes the body of one test. */
function testOf(snippet) {
  const imported = /^import [\s\S]*? from "[^"]+";$/gm;
  const own = snippet.code.match(imported)?.join("\n") ?? "";
  const body = snippet.code.replace(imported, "");
  return [
    'import { expect as claim, test } from "vitest";',
    ...given(snippet, namesIn(body), new Set(namesIn(own))),
    own,
    `test(${JSON.stringify(snippet.file)}, async () => {`,
    "const expect = claim;",
    body,
    "});",
  ].join("\n");
}

/** Identifiers that are no members of something; those behind the three dots of a spread count. */
function namesIn(code) {
  return [...new Set(code.match(/(?<![\w$]|(?<!\.\.)\.)[A-Za-z_$][\w$]*/g) ?? [])];
}

/** One import for each name that an example uses and something in its scope exports. */
function given({ file, owner }, names, taken) {
  const places = scope(file, owner);
  return names
    .filter((name) => name !== "expect" && !taken.has(name))
    .flatMap((name) => {
      const place = places.find(([, exported]) => exported.includes(name));
      return place === undefined ? [] : [`import { ${name} } from "${place[0]}";`];
    });
}

/** What is in scope for an example: module specifier and names, what counts first in front. */
function scope(file, { name, dir }) {
  const published = (name === "core" ? ["core"] : [name, "core"]).flatMap((place) =>
    recorded(`packages/${place}/api.txt`),
  );
  const setting = exportsOf(`${dir}/snippets/scope.ts`);
  if (file.endsWith(".md")) return [setting, ...published];
  return [exportsOf(file), setting, ...published, ...unambiguous(dir, file)];
}

/** The exported values of the package's sources, without the names that several export. */
function unambiguous(dir, file) {
  const modules = filesUnder(`${dir}/src`)
    .filter((path) => path.endsWith(".ts") && !isTest(path) && path !== file)
    .map(exportsOf);
  const all = modules.flatMap(([, names]) => names);
  const repeated = new Set(all.filter((name, i) => all.indexOf(name) !== i));
  return modules.map(([path, names]) => [path, names.filter((name) => !repeated.has(name))]);
}

/** A source, as a module specifier, and the values it exports by declaration. */
function exportsOf(file) {
  const path = join(root, file);
  if (!existsSync(path)) return [path, []];
  const declared = readFileSync(path, "utf8").matchAll(/^export (?:const|class|function\*?|async function\*?) (\w+)/gm);
  return [path, [...declared].map(([, name]) => name)];
}

/** The exported values in an api.txt, by entry point. */
function recorded(file) {
  if (!existsSync(join(root, file))) return [];
  return readFileSync(join(root, file), "utf8")
    .split("# ")
    .filter((section) => section !== "")
    .map((section) => section.split("\n"))
    .map(([entry, ...lines]) => [
      entry,
      lines.flatMap((line) => line.match(/^(?:function|class|const) (\w+)/)?.[1] ?? []),
    ]);
}
