/**
 * Holds the public surface: the exported names of each package's entry points must be those in its `api.txt`.
 *
 * `pnpm api --update` rewrites the files; the diff is then part of the change, and of its changelog line.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript";
import { entryPoints, packages, report, root } from "./workspace.mjs";

const update = process.argv.includes("--update");
const workspace = packages().map((one) => ({ ...one, entries: entryPoints(one) }));
const program = ts.createProgram(
  workspace.flatMap(({ entries }) => entries.map(([, file]) => join(root, file))),
  compilerOptions(),
);
const checker = program.getTypeChecker();

const findings = workspace.flatMap(({ dir, entries }) => {
  const file = join(root, dir, "api.txt");
  const found = entries.flatMap(([path, source]) => [`# ${path}`, ...exportsOf(join(root, source)), ""]).join("\n");
  if (update) writeFileSync(file, found);
  const held = existsSync(file) ? readFileSync(file, "utf8") : "";
  return difference(held, found).map((line) => `${dir}/api.txt: ${line}`);
});
if (findings.length > 0) findings.push("if this is meant: pnpm api --update, and a line in CHANGELOG.md");
report(findings, `the exports of ${workspace.length} packages are those recorded`);

function compilerOptions() {
  const { config } = ts.readConfigFile(join(root, "tsconfig.base.json"), ts.sys.readFile);
  return { ...ts.convertCompilerOptionsFromJson(config.compilerOptions, root).options, types: [], noEmit: true };
}

/** "kind name" for each export, sorted by name. */
function exportsOf(file) {
  const source = program.getSourceFile(file);
  const module = source && checker.getSymbolAtLocation(source);
  if (module === undefined) return [];
  return checker
    .getExportsOfModule(module)
    .map((symbol) => `${kindOf(symbol)} ${symbol.name}`)
    .sort((a, b) => (a.split(" ")[1] < b.split(" ")[1] ? -1 : 1));
}

function kindOf(symbol) {
  const { flags } = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
  if (flags & ts.SymbolFlags.Function) return "function";
  if (flags & ts.SymbolFlags.Class) return "class";
  if (flags & ts.SymbolFlags.Variable) return "const";
  return flags & ts.SymbolFlags.Interface ? "interface" : "type";
}

/** "+ line" and "- line", each with the entry point it belongs to. */
function difference(held, found) {
  const [before, after] = [tagged(held), tagged(found)];
  return [
    ...after.filter((line) => !before.includes(line)).map((line) => `+ ${line}`),
    ...before.filter((line) => !after.includes(line)).map((line) => `- ${line}`),
  ];
}

function tagged(text) {
  let entry = "";
  return text.split("\n").flatMap((line) => {
    if (line.startsWith("# ")) entry = line.slice(2);
    return line === "" || line.startsWith("# ") ? [] : [`${entry}: ${line}`];
  });
}
