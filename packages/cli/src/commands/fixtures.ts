import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import { ortNodeEngine, referenceEngine, UsageError } from "@hessonite/core";
import { runInfluenceFixture } from "@hessonite/influence";
import { runFixtures as runLaplaceFixture } from "@hessonite/laplace";
import { runMergeFixture } from "@hessonite/merge";
import { runPruneFixture } from "@hessonite/prune";
import { z } from "zod";
import { defineCommand } from "../command.ts";
import { count } from "../terminal/quantity.ts";
import { table } from "../terminal/table.ts";

const options = z.object({
  files: z.array(z.string()).min(1).describe("JSON files of reference values; their field `application` says whose"),
});

const result = z.object({
  keys: z.array(
    z.object({
      file: z.string(),
      engine: z.string(),
      key: z.string(),
      error: z.number().nullable().describe("relative; null where it is not finite"),
      tolerance: z.number(),
      passed: z.boolean(),
    }),
  ),
  broken: z
    .array(z.object({ file: z.string(), message: z.string() }))
    .describe("values that could not be computed or compared"),
  passed: z.int(),
  failed: z.int(),
});

type FixturesResult = z.output<typeof result>;
type Part = Pick<FixturesResult, "keys" | "broken">;

/** How a file of each application is run. */
const applications: Readonly<Record<string, (file: string, content: object, signal: AbortSignal) => Promise<Part>>> = {
  async influence(file, content) {
    const keys: FixturesResult["keys"] = [];
    for (const make of [referenceEngine, ortNodeEngine]) {
      await using engine = make();
      const run = await runInfluenceFixture(content, engine);
      keys.push(...run.keys.map((key) => ({ file, engine: run.engine, ...key, error: finite(key.error) })));
    }
    return { keys, broken: [] };
  },
  async merge(file, content) {
    const keys = runMergeFixture(content).map((key) => ({ file, engine: "none", ...key, error: finite(key.error) }));
    return { keys, broken: [] };
  },
  async laplace(file, content, signal) {
    const { values, unknown, broken } = await runLaplaceFixture(content, { signal });
    const compared = values.map(({ name, error, tolerance, passed }) => ({
      file,
      engine: "reference",
      key: name,
      error: finite(error),
      tolerance,
      passed,
    }));
    const missing = unknown.map((name) => ({ file, message: `nothing to compare ${name} with` }));
    return {
      keys: compared,
      broken: [...broken.map(({ name, message }) => ({ file, message: `${name}: ${message}` })), ...missing],
    };
  },
  async prune(file, content) {
    const { keys, broken } = runPruneFixture(content);
    return {
      keys: keys.map((one) => ({ file, engine: "none", ...one, error: finite(one.error) })),
      broken: broken.map(({ name, message }) => ({ file, message: `${name}: ${message}` })),
    };
  },
};

const finite = (error: number): number | null => (Number.isFinite(error) ? error : null);

async function runFile(path: string, signal: AbortSignal): Promise<Part> {
  const content = JSON.parse(await readFile(path, "utf8")) as { readonly application?: unknown };
  const run = applications[String(content.application)];
  if (!run) {
    throw new UsageError("Cannot run the fixture as its application is not known", {
      at: path,
      expected: Object.keys(applications).join(", "),
      found: String(content.application),
    });
  }
  return run(basename(path), content, signal);
}

export const fixtures = defineCommand({
  name: "fixtures",
  summary: "Compares published values of other libraries with what the applications compute; fails if one is off.",
  options,
  positionals: ["files"],
  result,
  examples: ["hessonite fixtures kronfluence_mlp_classification.json"],
  async run({ files }, { signal, progress }) {
    const parts: Part[] = [];
    await progress.stage("fixtures", files.length, async (done) => {
      for (const [i, file] of files.entries()) {
        parts.push(await runFile(file, signal));
        done(i + 1);
      }
    });
    const keys = parts.flatMap((part) => part.keys);
    const broken = parts.flatMap((part) => part.broken);
    const failed = keys.filter((key) => !key.passed).length + broken.length;
    const passed = keys.filter((key) => key.passed).length;
    return { result: { keys, broken, passed, failed }, failed: failed > 0 || passed === 0 };
  },
  show({ keys, broken, passed, failed }, paint) {
    const right = { align: "right" as const };
    const columns = [
      { title: "file" },
      { title: "engine" },
      { title: "key" },
      { title: "error", ...right },
      { title: "tolerance", ...right },
      { title: "" },
    ];
    const rows = keys.map((one) => [
      one.file,
      one.engine,
      one.key,
      one.error === null ? "not finite" : one.error.toExponential(1),
      one.tolerance.toExponential(0),
      one.passed ? paint.green("ok") : paint.red("FAILED"),
    ]);
    const errors = broken.map((one) => `${paint.red("FAILED")} ${one.file}: ${one.message}`);
    const verdict = `${count(passed)} passed, ${count(failed)} failed`;
    return [table(columns, rows, paint), ...errors, failed > 0 ? paint.red(verdict) : paint.green(verdict)].join(
      "\n\n",
    );
  },
});
