/**
 * The two studies as tables: pnpm bench studies [-- digits mnist]. Writes bench/results/studies.json.
 *
 * Figures are means over five seeds on rows of all ten digits that neither merging nor choosing saw.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { ortNodeEngine } from "@hessonite/core";
import { gain, meanScore, runStudy, type Scores, studies, studyMethods } from "./study.ts";

type StudyName = keyof typeof studies;

const asked = (Object.keys(studies) as StudyName[]).filter((name) => process.argv.includes(name));
const names = asked.length > 0 ? asked : (Object.keys(studies) as StudyName[]);
const results = new URL("results/studies.json", import.meta.url);
const tables: Record<string, unknown> = existsSync(results) ? JSON.parse(readFileSync(results, "utf8")) : {};

function tableOf(scores: Scores): Record<string, unknown>[] {
  return studyMethods.map((method) => ({
    method,
    ...meanScore(scores, method),
    overAverage: gain(scores, method, "average"),
    seeds: scores.get(method),
  }));
}

await using engine = ortNodeEngine();
for (const name of names) {
  const study = studies[name];
  const scores = await runStudy(study, engine);
  console.log(`\n${study.title}\n${"".padEnd(12)} accuracy   NLL    over the average`);
  for (const method of studyMethods) {
    const [own, over] = [meanScore(scores, method), gain(scores, method, "average")];
    console.log(
      `${method.padEnd(12)} ${own.accuracy.toFixed(1).padStart(6)} % ${own.loss.toFixed(3)}  ${over.accuracy.toFixed(1).padStart(5)} points ${over.loss.toFixed(3)}`,
    );
  }
  tables[name] = { title: study.title, methods: tableOf(scores) };
}
mkdirSync(new URL(".", results), { recursive: true });
writeFileSync(results, `${JSON.stringify(tables, null, 2)}\n`);
