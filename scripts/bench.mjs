/**
 * `pnpm bench [word…] [-- arguments]`: runs the benchmarks, each in a process of its own, one after the other.
 *
 * A benchmark is a file `packages/<name>/src/**\/*.bench.ts` or `packages/<name>/bench/*.bench.ts`; words choose those whose path contains one.
 * It runs from source and says itself what it measured, on what, and where it wrote the figures.
 */
import { spawnSync } from "node:child_process";
import { setUp } from "./setup.mjs";
import { filesUnder, packages, root } from "./workspace.mjs";

setUp();
const given = process.argv.slice(2);
const end = given.indexOf("--");
const words = end === -1 ? given : given.slice(0, end);
const rest = end === -1 ? [] : given.slice(end + 1);

const all = packages()
  .flatMap(({ dir }) => [...filesUnder(`${dir}/src`), ...filesUnder(`${dir}/bench`)])
  .filter((file) => file.endsWith(".bench.ts"));
const chosen = all.filter((file) => words.length === 0 || words.some((word) => file.includes(word)));

if (chosen.length === 0) {
  console.error(`Cannot run a benchmark as none matches ${words.join(" ")}\n  known     ${all.join(", ") || "none"}`);
  process.exitCode = 1;
}
for (const file of chosen) {
  console.log(`\n${file}`);
  const { status } = spawnSync(
    process.execPath,
    ["--import", "tsx", "--conditions=source", "--expose-gc", file, ...rest],
    {
      cwd: root,
      stdio: "inherit",
    },
  );
  if (status !== 0) process.exitCode = status ?? 1;
}
