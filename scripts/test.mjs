/**
 * `npm test`: sets up, then runs the tests of all packages; `npm test -- packages/core/src/ir` runs some.
 *
 * The last line is `N passed, N failed, N skipped`; the exit code is 0 only if something ran and nothing failed.
 * Files named `*.slow.test.ts` run only with HESSONITE_SLOW=1 (`pnpm ok:slow`).
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setUp } from "./setup.mjs";
import { root } from "./workspace.mjs";

setUp();
const folder = mkdtempSync(join(tmpdir(), "hessonite-test-"));
const resultFile = join(folder, "result.json");
const vitest = [join(root, "node_modules/vitest/vitest.mjs"), "run", "--reporter=default", "--reporter=json"];
const { status } = spawnSync(
  process.execPath,
  [...vitest, `--outputFile.json=${resultFile}`, ...process.argv.slice(2)],
  {
    cwd: root,
    stdio: ["ignore", 1, 2],
  },
);
const { passed, failed, skipped } = count(readResult(), status);
rmSync(folder, { recursive: true });

console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`);
process.exitCode = failed === 0 && passed > 0 ? (status ?? 1) : status || 1;

function readResult() {
  try {
    return JSON.parse(readFileSync(resultFile, "utf8"));
  } catch {
    return null; // vitest died before it could write
  }
}

/** Counts tests; a file that fails to load is one failure, and so is an error that belongs to no test. */
function count(result, exit) {
  if (result === null) return { passed: 0, failed: 1, skipped: 0 };
  const broken = result.testResults.filter(
    ({ status, assertionResults }) => status === "failed" && !assertionResults.some((test) => test.status === "failed"),
  ).length;
  const failed = result.numFailedTests + broken;
  const stray = failed === 0 && exit !== 0 && result.numPassedTests > 0 ? 1 : 0;
  return {
    passed: result.numPassedTests,
    failed: failed + stray,
    skipped: result.numPendingTests + result.numTodoTests,
  };
}
