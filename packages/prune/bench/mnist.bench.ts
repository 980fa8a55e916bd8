/**
 * The digits study's table: what is left of the accuracy when 95 % of the weights are gone, by method.
 *
 *     pnpm bench mnist [-- ggn kfac]
 *
 * Writes bench/results/mnist.json; with words the rows that they name are made anew.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { ortNodeEngine } from "@hessonite/core";
import { digitsStudy, jobOf, outcomeOf, testAccuracy, variants } from "./mnistStudy.ts";

const sparsity = 0.95;
const words = process.argv.slice(2).filter((word) => !word.startsWith("--"));
await using engine = ortNodeEngine({ threads: 1 });
const study = await digitsStudy(engine);
const table: Record<string, unknown>[] = [];
let dense = 0;
for (const variant of variants) {
  if (words.length > 0 && !words.some((word) => variant.name.includes(word))) continue;
  await using job = await jobOf(study, variant);
  dense = await testAccuracy(study, job, job.origin);
  const start = performance.now();
  const { point: _, ...outcome } = await outcomeOf(study, job, variant, sparsity);
  const row = {
    method: variant.name,
    rows: variant.rows,
    ...outcome,
    drop: Number((dense - outcome.accuracy).toFixed(2)),
    seconds: Number(((performance.now() - start) / 1000).toFixed(1)),
  };
  table.push(row);
  console.log(`${variant.name.padEnd(72)} ${outcome.accuracy.toFixed(2)} %  drop ${row.drop}  (${row.seconds} s)`);
  save();
}

function save(): void {
  const folder = fileURLToPath(new URL("results/", import.meta.url));
  mkdirSync(folder, { recursive: true });
  const known =
    words.length > 0 ? (JSON.parse(readFileSync(`${folder}/mnist.json`, "utf8")).table as typeof table) : [];
  const fresh = (method: unknown) => table.find((row) => row["method"] === method);
  const rows = variants.flatMap(({ name }) => fresh(name) ?? known.find((row) => row["method"] === name) ?? []);
  writeFileSync(
    `${folder}/mnist.json`,
    `${JSON.stringify({ sparsity, dense, testRows: 2000, table: rows }, null, 2)}\n`,
  );
}
