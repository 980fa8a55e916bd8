/**
 * Checks the direction of imports (scripts/layers.mjs), that no file imports itself in a circle, that packages meet
 * only at their public entry points, and that each library imported is declared.
 */
import { readFileSync } from "node:fs";
import { builtinModules } from "node:module";
import { join, posix } from "node:path";
import ts from "typescript";
import { confined, coreLayers, mayUse } from "./layers.mjs";
import { entryPoints, isTest, packages, report, root, sources } from "./workspace.mjs";

const workspace = packages();
const publicPaths = new Set(workspace.flatMap(entryPoints).map(([path]) => path));
const files = sources();
const graph = new Map(files.map((file) => [file, importsOf(file)]));

report(
  [...homeless(), ...files.flatMap((file) => graph.get(file).flatMap((edge) => problems(file, edge))), ...cycles()],
  `${files.length} files import in one direction`,
);

/** The imports of a file: `{ specifier, typeOnly }`, dynamic ones and re-exports included. */
function importsOf(file) {
  const source = ts.createSourceFile(file, readFileSync(join(root, file), "utf8"), ts.ScriptTarget.ES2022);
  const edges = [];
  const visit = (node) => {
    const from =
      node.moduleSpecifier ?? (node.expression?.kind === ts.SyntaxKind.ImportKeyword ? node.arguments?.[0] : undefined);
    if (from !== undefined && ts.isStringLiteral(from)) {
      edges.push({ specifier: from.text, typeOnly: Boolean(node.importClause?.isTypeOnly ?? node.isTypeOnly) });
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return edges;
}

/** Files of core that stand in no layer. */
function homeless() {
  return files
    .filter((file) => file.startsWith("packages/core/") && !isTest(file) && layerOf(file) === -1)
    .map((file) => `${file}: its folder has no layer; give it one in scripts/layers.mjs`);
}

function problems(file, { specifier }) {
  const own = workspace.find(({ dir }) => file.startsWith(`${dir}/`));
  const complain = (why) => [`${file}: imports ${specifier}: ${why}`];
  if (specifier.startsWith(".")) {
    const target = resolve(file, specifier);
    if (!target.startsWith(`${own.dir}/`)) return complain("a package is imported by its name, never by a path");
    if (own.name !== "core" || isTest(file) || !target.startsWith(`${own.dir}/src/`)) return [];
    const [from, to] = [layerOf(file), layerOf(target)];
    if (from !== -1 && to > from) return complain(`${coreLayers[from]} is below ${coreLayers[to]}`);
    return [];
  }
  const rule = confined.find(({ library }) => library.test(specifier));
  if (rule !== undefined && !rule.to.test(file) && !isTest(file))
    return complain(`only ${rule.to.source} may know this library`);
  if (specifier.startsWith("node:") || builtinModules.includes(specifier)) return [];

  const name = specifier.split("/", specifier.startsWith("@") ? 2 : 1).join("/");
  const ours = workspace.find(({ manifest }) => manifest.name === name);
  if (ours !== undefined && ours !== own) {
    const allowed = mayUse(own.name);
    if (allowed !== "all" && !allowed.includes(ours.name))
      return complain(`${own.name} does not stand on ${ours.name}`);
    if (!publicPaths.has(specifier)) return complain("no public entry point of that package");
  }
  return declared(own, name, isTest(file)) ? [] : complain(`not a dependency in ${own.dir}/package.json`);
}

function declared({ manifest }, name, development) {
  const root = development ? Object.keys(rootDevelopment()) : [];
  const { dependencies, peerDependencies, optionalDependencies, devDependencies } = manifest;
  const known = {
    ...dependencies,
    ...peerDependencies,
    ...optionalDependencies,
    ...(development ? devDependencies : {}),
  };
  return name === manifest.name || name in known || root.includes(name);
}

function rootDevelopment() {
  return JSON.parse(readFileSync(join(root, "package.json"), "utf8")).devDependencies;
}

function resolve(file, specifier) {
  return posix.normalize(posix.join(posix.dirname(file), specifier));
}

function layerOf(file) {
  const path = file.slice("packages/core/src/".length);
  const owners = coreLayers.filter((layer) => path === layer || path.startsWith(`${layer}/`));
  return coreLayers.indexOf(owners.sort((a, b) => b.length - a.length)[0]);
}

/** Circles of imports that exist at run time, each told once. Types vanish when built, so they do not count. */
function cycles() {
  const done = new Set();
  const found = [];
  const walk = (file, path) => {
    const at = path.indexOf(file);
    if (at !== -1) found.push(`a circle of imports: ${[...path.slice(at), file].join(" → ")}`);
    if (done.has(file)) return;
    done.add(file);
    for (const { specifier, typeOnly } of graph.get(file) ?? []) {
      if (specifier.startsWith(".") && !typeOnly) walk(resolve(file, specifier), [...path, file]);
    }
  };
  for (const file of files) walk(file, []);
  return found;
}
