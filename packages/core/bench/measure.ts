/** Times, memory and compilation of a problem's products, as multiples of one gradient in the same run. */
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus, loadavg } from "node:os";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import type { Engine } from "../src/engine/engine.ts";
import { ortNodeEngine } from "../src/engine/ort/ortNode.ts";
import type { Graph } from "../src/ir/graph.ts";
import { empiricalFisher } from "../src/operators/empiricalFisher.ts";
import { ggn } from "../src/operators/ggn.ts";
import { gradientAndLoss } from "../src/operators/gradientAndLoss.ts";
import { hessian } from "../src/operators/hessian.ts";
import type { LinearOperator } from "../src/operators/linearOperator.ts";
import type { Problem } from "../src/operators/problem.ts";
import { floors, productGraphs } from "./floors.ts";
import { type BenchProblem, benchProblem, benchVector } from "./problems.ts";

type Operation = () => Promise<unknown>;

/** Columns at once. */
const k = 8;

function operations(problem: Problem): Record<string, Operation> {
  const [v, rows] = [benchVector(problem, 1), benchVector(problem, k)];
  const [one, many] = [new Float64Array(v.length), new Float64Array(rows.length)];
  const single =
    (op: LinearOperator): Operation =>
    () =>
      op.apply(v, { out: one });
  const columns =
    (op: LinearOperator): Operation =>
    () =>
      op.apply(rows, { k, out: many });
  const again = { residuals: "recompute" } as const;
  const keep = { residuals: "keep" } as const;
  return {
    gradient: () => gradientAndLoss(problem, { out: one }),
    H·v: single(hessian(problem, again)),
    G·v: single(ggn(problem, again)),
    EF·v: single(empiricalFisher(problem, again)),
    "H·v, residuals kept": single(hessian(problem, keep)),
    "G·v, residuals kept": single(ggn(problem, keep)),
    [`H·V, ${k} columns`]: columns(hessian(problem, again)),
    [`G·V, ${k} columns`]: columns(ggn(problem, again)),
    [`EF·V, ${k} columns`]: columns(empiricalFisher(problem, again)),
  };
}

export interface Row {
  readonly operation: string;
  readonly milliseconds: number;
  /** Of one gradient in the same run. */
  readonly gradients: number;
  readonly floor?: number;
  readonly peakMiB?: number;
}

export interface Compilation {
  readonly program: string;
  /** Of the graph in core operators, constants and reshapes among them. */
  readonly nodes: number;
  readonly milliseconds: number;
}

export interface Measured {
  readonly rows: readonly Row[];
  readonly compilations: readonly Compilation[];
}

export interface Setting {
  readonly threads: number;
  /** Runs of each operation; the minimum counts. */
  readonly repeats: number;
  /** Which operations; all unless said. */
  readonly only?: readonly string[];
}

const option = (name: string, otherwise: number): number => {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? otherwise : Number(process.argv[at + 1]);
};

/** A bench of problems, as the command line asks: names of some, `--threads`, `--repeats`. All of them are written down. */
export async function benchProducts(
  file: string,
  problems: Readonly<Record<string, BenchProblem>>,
  defaults: Omit<Setting, "threads">,
): Promise<void> {
  const setting = {
    ...defaults,
    threads: option("threads", availableParallelism()),
    repeats: option("repeats", defaults.repeats),
  };
  const peakAt = process.argv.indexOf("--peak");
  if (peakAt > 0) {
    await printPeak(problems[process.argv[peakAt + 1]!]!, process.argv[peakAt + 2]!, setting);
    return;
  }
  const asked = process.argv.slice(2).filter((word) => word in problems);
  const results: Record<string, Measured> = {};
  for (const name of asked.length > 0 ? asked : Object.keys(problems)) {
    const measured = await measure(problems[name]!, setting, (operation) => peakOf(file, name, operation, setting));
    results[name] = measured;
    print(problems[name]!.title, measured, setting);
  }
  if (asked.length === 0) write(file, results, setting);
}

async function measure(
  one: BenchProblem,
  { threads, repeats, only }: Setting,
  peak: (operation: string) => number | undefined,
): Promise<Measured> {
  await using engine = ortNodeEngine({ threads });
  await using problem = await benchProblem(one, engine);
  const compilations = await compile(problem, engine);
  const list = Object.entries(operations(problem)).filter(([name]) => !only || only.includes(name));
  const best = new Map<string, number>();
  for (let repeat = 0; repeat <= repeats * (one.tiny ? 20 : 1); repeat++) {
    for (const [operation, run] of list) {
      const start = performance.now();
      await run();
      const time = performance.now() - start;
      if (repeat > 0) best.set(operation, Math.min(time, best.get(operation) ?? Number.POSITIVE_INFINITY));
    }
  }
  const counted = floors(problem, k);
  const rows = [...best].map(([operation, milliseconds]): Row => {
    const floor = counted[operation];
    const peakMiB = peak(operation);
    return {
      operation,
      milliseconds,
      gradients: milliseconds / best.get("gradient")!,
      ...(floor === undefined ? {} : { floor }),
      ...(peakMiB === undefined ? {} : { peakMiB }),
    };
  });
  return { rows, compilations };
}

/** Sessions of each product's graph; the first is made twice, as it starts the engine. */
async function compile(problem: Problem, engine: Engine): Promise<Compilation[]> {
  const result: Compilation[] = [];
  await compileOne("", productGraphs(problem).gradient, engine);
  for (const [program, graph] of Object.entries(productGraphs(problem)))
    result.push(await compileOne(program, graph, engine));
  return result;
}

async function compileOne(program: string, graph: Graph, engine: Engine): Promise<Compilation> {
  const start = performance.now();
  await using _ = await engine.compile(graph);
  return { program, nodes: graph.nodes.length, milliseconds: performance.now() - start };
}

/** Peak resident memory of a fresh process that runs the operation three times. */
function peakOf(file: string, name: string, operation: string, { threads }: Setting): number | undefined {
  const child = spawnSync(
    process.execPath,
    [...process.execArgv, file, "--peak", name, operation, "--threads", String(threads)],
    { encoding: "utf8" },
  );
  const peak = Number(child.stdout.trim().split("\n").at(-1));
  return Number.isFinite(peak) && child.status === 0 ? Math.round(peak) : undefined;
}

async function printPeak(one: BenchProblem, operation: string, { threads }: Setting): Promise<void> {
  await using engine = ortNodeEngine({ threads });
  await using problem = await benchProblem(one, engine);
  const run = operations(problem)[operation]!;
  for (let i = 0; i < 3; i++) await run();
  // The high-water mark of this process image: resourceUsage() would count the parent's, from before exec.
  const [, kib] = readFileSync("/proc/self/status", "utf8").match(/VmHWM:\s+(\d+)/) ?? [];
  console.log(Number(kib) / 1024);
}

function print(title: string, { rows, compilations }: Measured, { threads, repeats }: Setting): void {
  console.log(`\n${title}; ${threads} threads, spinning off, minimum of ${repeats}`);
  console.table(
    rows.map((row) => ({
      ...row,
      milliseconds: row.milliseconds.toFixed(3),
      gradients: row.gradients.toFixed(2),
      floor: row.floor?.toFixed(2),
    })),
  );
  console.table(compilations.map((one) => ({ ...one, milliseconds: one.milliseconds.toFixed(0) })));
}

/** bench/results/<name of the bench>.json */
function write(file: string, results: Readonly<Record<string, Measured>>, { threads, repeats }: Setting): void {
  const environment = {
    node: process.version,
    cpu: cpus()[0]?.model,
    cores: cpus().length,
    threads,
    spinning: false,
    repeats,
    loadAverage: loadavg().map((load) => Number(load.toFixed(1))),
    date: new Date().toISOString().slice(0, 10),
  };
  const folder = fileURLToPath(new URL("./results/", import.meta.url));
  mkdirSync(folder, { recursive: true });
  const name = basename(file).replace(".bench.ts", ".json");
  writeFileSync(`${folder}${name}`, `${JSON.stringify({ environment, results }, null, 2)}\n`);
}
