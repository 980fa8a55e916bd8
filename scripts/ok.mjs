/**
 * `pnpm ok`: the one gate. Runs every check, cheap ones first, and tells at the end which failed.
 *
 * `pnpm ok lint imports` runs some; `pnpm ok:slow` runs the slow tests too.
 */
import { spawnSync } from "node:child_process";
import { pnpm } from "./pnpm.mjs";
import { setUp } from "./setup.mjs";
import { root } from "./workspace.mjs";

const slow = process.argv.includes("--slow");
const chosen = process.argv.slice(2).filter((word) => !word.startsWith("--"));
const node = (...args) =>
  spawnSync(process.execPath, args, { cwd: root, stdio: ["ignore", 1, 2], env: environment() }).status ?? 1;

const steps = {
  lint: () => node("node_modules/@biomejs/biome/bin/biome", "check", "--error-on-warnings"),
  types: () => pnpm(["exec", "turbo", "run", "types", "--output-logs=errors-only"]),
  imports: () => node("scripts/check-imports.mjs"),
  sizes: () => node("scripts/check-sizes.mjs"),
  api: () => node("scripts/public-api.mjs"),
  docs: () => node("scripts/check-docs.mjs"),
  snippets: () => node("scripts/run-snippets.mjs"),
  tests: () => node("scripts/test.mjs"),
};

const unknown = chosen.filter((name) => !(name in steps));
if (unknown.length > 0) {
  console.error(
    `Cannot run ${unknown.join(", ")} as the gate has no such step\n  known     ${Object.keys(steps).join(", ")}`,
  );
  process.exit(2);
}

setUp();
const results = Object.entries(steps)
  .filter(([name]) => chosen.length === 0 || chosen.includes(name))
  .map(([name, run]) => {
    console.log(`\n── ${name}`);
    const start = Date.now();
    return { name, passed: run() === 0, seconds: (Date.now() - start) / 1000 };
  });

console.log("");
for (const { name, passed, seconds } of results)
  console.log(`${passed ? "ok    " : "FAILED"} ${name} (${seconds.toFixed(1)} s)`);
if (results.some(({ passed }) => !passed)) process.exitCode = 1;

function environment() {
  return slow ? { ...process.env, HESSONITE_SLOW: "1" } : process.env;
}
