/**
 * Time and peak memory of every method, in multiples of one pass of gradients over all tasks' rows in the same process.
 *
 *     pnpm bench methods [-- digits resnet18] [average ggn] [--threads 1]
 *
 * A method runs in a process of its own: a pass of gradients, then the method, each as often as the problem says, the minimum
 * counting; the peak is the process's. Writes bench/results/methods.json after each method, keeping what it has of others.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus, loadavg } from "node:os";
import { fileURLToPath } from "node:url";
import { createProblem, gradientAndLoss, ortNodeEngine, type Problem } from "@hessonite/core";
import { type MergeMethodName, mergeMethodNames, mergeModels } from "../src/index.ts";
import { type MergeProblem, mergeProblems } from "./problems.ts";

interface Row {
  readonly method: string;
  readonly milliseconds: number;
  readonly gradients: number;
  readonly peakMiB: number;
  /** Of the process after a pass of gradients, before the method. */
  readonly gradientsMiB: number;
  /** Other work on the machine's cores, a mean over a minute. */
  readonly load: number;
}

const words = process.argv.slice(2);
const threads = words.includes("--threads") ? Number(words[words.indexOf("--threads") + 1]) : 1;
const methods = mergeMethodNames.filter((name) => words.includes(name));
const names = Object.keys(mergeProblems).filter((name) => words.includes(name));
const results = new URL("results/methods.json", import.meta.url);

/** MiB; the high-water mark of this process image. */
function peak(): number {
  const [, kib] = readFileSync("/proc/self/status", "utf8").match(/VmHWM:\s+(\d+)/) ?? [];
  return Number(kib) / 1024;
}

async function milliseconds(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

async function measure({ setting, options, repeats }: MergeProblem, method: MergeMethodName): Promise<Row> {
  await using engine = ortNodeEngine({ threads });
  const shared = await setting(engine);
  const problems: Problem[] = [];
  for (const { model, data } of shared.tasks)
    if (data) problems.push(await createProblem({ model, data, loss: shared.loss, engine, checks: false }));
  const gradients = async (): Promise<void> => {
    for (const problem of problems) await gradientAndLoss(problem);
  };
  await gradients(); // compiles
  const gradientsMiB = peak();
  let [gradient, own] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
  for (let i = 0; i < repeats; i++) {
    gradient = Math.min(gradient, await milliseconds(gradients));
    own = Math.min(own, await milliseconds(() => mergeModels(shared, options(method))));
  }
  for (const problem of problems) await problem[Symbol.asyncDispose]();
  return {
    method,
    milliseconds: own,
    gradients: own / gradient,
    peakMiB: peak(),
    gradientsMiB,
    load: loadavg()[0] ?? 0,
  };
}

/** In a process of its own. */
function measured(name: string, method: MergeMethodName): Row | undefined {
  const file = fileURLToPath(import.meta.url);
  const child = ["--alone", name, method, "--threads", String(threads)];
  const { stdout, stderr } = spawnSync(process.execPath, [...process.execArgv, file, ...child], { encoding: "utf8" });
  const line = stdout.trim().split("\n").at(-1) ?? "";
  if (line.startsWith("{")) return JSON.parse(line) as Row;
  console.error(`${name} ${method}: ${stderr.split("\n")[0]}`);
  return undefined;
}

/** Rows by method: those of other runs stay. */
function write(name: string, title: string, row: Row): void {
  const all = existsSync(results) ? JSON.parse(readFileSync(results, "utf8")) : {};
  const known: readonly Row[] = all[name]?.rows ?? [];
  const rows = mergeMethodNames.flatMap((method) => [row, ...known].find((one) => one.method === method) ?? []);
  const machine = { cpu: cpus()[0]?.model, cores: availableParallelism(), node: process.version, threads };
  mkdirSync(new URL(".", results), { recursive: true });
  writeFileSync(results, `${JSON.stringify({ ...all, machine, [name]: { title, rows } }, null, 2)}\n`);
}

if (words.includes("--alone")) {
  const [problem, method] = [mergeProblems[names[0] ?? ""], methods[0]];
  if (problem && method) console.log(JSON.stringify(await measure(problem, method)));
} else {
  for (const name of names.length > 0 ? names : Object.keys(mergeProblems)) {
    const problem = mergeProblems[name];
    if (!problem) continue;
    console.log(`\n${problem.title}`);
    for (const method of methods.length > 0 ? methods : mergeMethodNames) {
      const row = measured(name, method);
      if (!row) continue;
      console.log(
        `${method.padEnd(18)} ${row.milliseconds.toFixed(1).padStart(9)} ms ${row.gradients.toFixed(1).padStart(8)} gradients ${row.peakMiB.toFixed(0).padStart(6)} MiB (gradients ${row.gradientsMiB.toFixed(0)})`,
      );
      write(name, problem.title, row);
    }
  }
}
