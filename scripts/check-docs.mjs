/**
 * Checks what the documentation says of the repository: relative links lead somewhere, scripts named in
 * `npm run …` and `pnpm …` exist, and docs/errors.md has a heading for each error class.
 */
import { existsSync, readFileSync } from "node:fs";
import { dirname, join, posix } from "node:path";
import { filesUnder, readJson, report, root } from "./workspace.mjs";

const read = (file) => readFileSync(join(root, file), "utf8");
const pages = filesUnder(".").filter((file) => file.endsWith(".md"));
const scripts = readJson("package.json").scripts;
const pnpmCommands = new Set(["add", "exec", "install", "run", "publish", "workspace"]);

const findings = [...pages.flatMap(brokenLinks), ...pages.flatMap(unknownScripts), ...undocumentedErrors()];
report(findings, `${pages.length} pages: links, commands and error classes are as they say`);

function brokenLinks(page) {
  return [...read(page).matchAll(/\]\(([^)#\s]+)(#[^)]*)?\)/g)]
    .map(([, target]) => target)
    .filter((target) => !/^[a-z]+:/.test(target) && !existsSync(join(root, posix.join(dirname(page), target))))
    .map((target) => `${page}: nothing at ${target}`);
}

function unknownScripts(page) {
  return [...read(page).matchAll(/`[^`\n]*?\b(?:npm run(?: -s)?|pnpm(?! *@)) ([a-z][\w:-]*)/g)]
    .map(([, name]) => name)
    .filter((name) => !(name in scripts) && !pnpmCommands.has(name))
    .map((name) => `${page}: there is no script ${name}`);
}

function undocumentedErrors() {
  const page = "docs/errors.md";
  const text = existsSync(join(root, page)) ? read(page) : "";
  return [...read("packages/core/src/errors.ts").matchAll(/^export class (\w+)/gm)]
    .map(([, name]) => name)
    .filter((name) => !text.includes(`## ${name}`))
    .map((name) => `${page}: no heading for ${name}`);
}
