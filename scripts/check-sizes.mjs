/**
 * Checks sizes against scripts/size-budget.json: lines of a source file (a file over the limit holds two concepts)
 * and gzipped kilobytes of what a package ships to run, declarations and source maps left out.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { isTest, packages, readJson, report, root, sources } from "./workspace.mjs";

const { sourceLines, distKilobytesGzipped } = readJson("scripts/size-budget.json");

const lines = sources()
  .filter((file) => !isTest(file))
  .map((file) => ({ file, text: readFileSync(join(root, file), "utf8") }))
  .filter(({ text }) => !/^\/\/.*do not edit/.test(text)) // made by a program
  .map(({ file, text }) => ({ file, count: text.split("\n").length - 1 }));
for (const { file, count } of lines) {
  if (count > sourceLines.warning && count <= sourceLines.limit) console.log(`${file}: ${count} lines, getting long`);
}
const tooLong = lines
  .filter(({ count }) => count > sourceLines.limit)
  .map(({ file, count }) => `${file}: ${count} lines, over ${sourceLines.limit}: split it by concept`);

const shipped = packages().map(({ name, dir }) => ({
  name,
  size: distSize(join(root, dir, "dist")),
  budget: distKilobytesGzipped[name] ?? distKilobytesGzipped.default,
}));
const tooHeavy = shipped
  .filter(({ size, budget }) => size > budget)
  .map(({ name, size, budget }) => `${name}: ships ${size.toFixed(0)} kB gzipped, over its budget of ${budget} kB`);

report(
  [...tooLong, ...tooHeavy],
  `${lines.length} files within ${sourceLines.limit} lines; kB gzipped: ` +
    shipped.map(({ name, size, budget }) => `${name} ${size.toFixed(0)} of ${budget}`).join(", "),
);

function distSize(folder) {
  if (!existsSync(folder)) return 0; // not built yet
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter(
    (entry) => entry.isFile() && !/\.(map|d\.ts)$/.test(entry.name),
  );
  const bytes = files.map((entry) => gzipSync(readFileSync(join(entry.parentPath ?? entry.path, entry.name))).length);
  return bytes.reduce((sum, size) => sum + size, 0) / 1024;
}
