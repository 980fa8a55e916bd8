/**
 * The study of the digits as a table: pnpm bench digits. Writes bench/results/digits.json.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { ortNodeEngine } from "@hessonite/core";
import { digitsStudy } from "./digitsStudy.ts";

await using engine = ortNodeEngine();
const { rows, chosen } = await digitsStudy(engine);
const percent = (x: number): string => `${(100 * x).toFixed(1)}`.padStart(6);
console.log(`${"".padEnd(44)}    NLL   ECE %  Brier  acc. %  AUROC noise %, permuted %`);
for (const { name, nll, ece, brier, accuracy, noise, permuted } of rows) {
  console.log(
    `${name.padEnd(44)} ${nll.toFixed(4)} ${percent(ece)} ${brier.toFixed(4)} ${percent(accuracy)} ${percent(noise)} ${percent(permuted)}`,
  );
}
console.log(`auto chose a posterior over the model in ${chosen} of 10 halves`);
const results = new URL("results/", import.meta.url);
mkdirSync(results, { recursive: true });
writeFileSync(new URL("digits.json", results), `${JSON.stringify({ rows, chosen }, undefined, 2)}\n`);
