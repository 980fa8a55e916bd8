/**
 * Kronecker factors: building, products, inverses, as multiples of one gradient in the same run.
 *
 *     pnpm bench factors [-- mlp cnn] [--threads 2] [--repeats 10]
 *
 * Times are the minimum of repeats, the operations interleaved. Gradients, factors and products are written into memory of
 * before. The floor counts the matrix products' operations against the gradient's (of Gram matrices, the panels that are
 * computed): a time below it says that the gradient runs below the speed of large products. Processor time, of all threads,
 * is steadier than the clock where others share the machine. Peak memory is each operation's own, in a fresh process. Writes
 * bench/results/factors.json.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus, loadavg } from "node:os";
import { fileURLToPath } from "node:url";
import { ortNodeEngine } from "../src/engine/ort/ortNode.ts";
import { eighMany } from "../src/linalg/eigh.ts";
import { ekfacOf } from "../src/operators/ekfac.ts";
import { eigenOf } from "../src/operators/factors/eigen.ts";
import { eigenvalueCorrection } from "../src/operators/factors/eigenvalueCorrection.ts";
import { kroneckerFactors } from "../src/operators/factors/kroneckerFactors.ts";
import { gradientAndLoss } from "../src/operators/gradientAndLoss.ts";
import { kfacOf } from "../src/operators/kfac.ts";
import type { Problem } from "../src/operators/problem.ts";
import { factorFloors } from "./factorFloors.ts";
import { benchProblem, benchProblems, benchVector } from "./problems.ts";

type Operation = () => Promise<unknown>;

const file = fileURLToPath(import.meta.url);
const option = (name: string, otherwise: number): number => {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? otherwise : Number(process.argv[at + 1]);
};
const threads = option("threads", availableParallelism());
const repeats = option("repeats", 10);
const mc = { fisher: "mc", samples: 1, seed: 0 } as const;

async function operations(problem: Problem): Promise<Record<string, Operation>> {
  const { size } = problem.space;
  const first = await kroneckerFactors(problem, mc);
  const eigen = await eigenOf(first.blocks, eighMany);
  const values = await eigenvalueCorrection(problem, first, eigen, { convention: "perTerm" });
  const blocks = first.blocks.map((block, i) => ({ ...block, basis: eigen[i]!.basis, values: values[i]! }));
  const [k, e] = [kfacOf(first, size, problem.engine), ekfacOf(blocks, size, problem.engine)];
  const v = benchVector(problem, 1);
  const out = new Float64Array(size);
  let factors = await kroneckerFactors(problem, mc);
  let corrected = await eigenvalueCorrection(problem, first, eigen, { convention: "perTerm" });
  const build = async (): Promise<void> => {
    factors = await kroneckerFactors(problem, { ...mc, into: factors });
  };
  const correct = async (): Promise<void> => {
    corrected = await eigenvalueCorrection(problem, factors, eigen, { convention: "perTerm", into: corrected });
  };
  return {
    gradient: () => gradientAndLoss(problem, { out }),
    "KFAC build, mc 1": build,
    "KFAC build, mc 1, fresh memory": () => kroneckerFactors(problem, mc),
    "EKFAC correction, mc 1": correct,
    "EKFAC build without eigh, mc 1": async () => {
      await build();
      await correct();
    },
    eigendecompositions: () => eigenOf(first.blocks, eighMany),
    "KFAC · v": () => k.apply(v, { out }),
    "EKFAC · v": () => e.apply(v, { out }),
    "KFAC inverse build": () => k.inverse(1e-3),
  };
}

interface Row {
  readonly operation: string;
  readonly milliseconds: number;
  /** Of one gradient in the same run. */
  readonly gradients: number;
  /** The same by processor time. */
  readonly processorGradients: number;
  readonly floor?: number;
  readonly peakMiB?: number;
}

interface Cost {
  readonly milliseconds: number;
  readonly processor: number;
}

async function timed(run: Operation): Promise<Cost> {
  const [start, before] = [performance.now(), process.cpuUsage()];
  await run();
  const { user, system } = process.cpuUsage(before);
  return { milliseconds: performance.now() - start, processor: (user + system) / 1000 };
}

async function measure(name: string): Promise<Row[]> {
  await using engine = ortNodeEngine({ threads });
  await using problem = await benchProblem(benchProblems[name]!, engine);
  const list = Object.entries(await operations(problem));
  const best = new Map<string, Cost>();
  for (let repeat = -2; repeat < repeats; repeat++) {
    for (const [operation, run] of list) {
      const cost = await timed(run);
      if (repeat < 0) continue; // products go through the engine from the second on
      const before = best.get(operation) ?? cost;
      best.set(operation, {
        milliseconds: Math.min(cost.milliseconds, before.milliseconds),
        processor: Math.min(cost.processor, before.processor),
      });
    }
  }
  const unit = best.get("gradient")!;
  const counted = factorFloors(problem);
  return [...best].map(([operation, { milliseconds, processor }]): Row => {
    const floor = counted[operation];
    const peakMiB = peakOf(name, operation);
    return {
      operation,
      milliseconds,
      gradients: milliseconds / unit.milliseconds,
      processorGradients: processor / unit.processor,
      ...(floor === undefined ? {} : { floor }),
      ...(peakMiB === undefined ? {} : { peakMiB }),
    };
  });
}

/** Peak resident memory of a fresh process that runs the operation three times. */
function peakOf(name: string, operation: string): number | undefined {
  const words = [...process.execArgv, file, "--peak", name, operation, "--threads", String(threads)];
  const child = spawnSync(process.execPath, words, { encoding: "utf8" });
  const peak = Number(child.stdout.trim().split("\n").at(-1));
  return Number.isFinite(peak) && child.status === 0 ? Math.round(peak) : undefined;
}

async function printPeak(name: string, operation: string): Promise<void> {
  await using engine = ortNodeEngine({ threads });
  await using problem = await benchProblem(benchProblems[name]!, engine);
  const run = (await operations(problem))[operation]!;
  for (let i = 0; i < 3; i++) await run();
  const [, kib] = readFileSync("/proc/self/status", "utf8").match(/VmHWM:\s+(\d+)/) ?? [];
  console.log(Number(kib) / 1024);
}

async function bench(): Promise<void> {
  const asked = process.argv.slice(2).filter((word) => word in benchProblems);
  const results: Record<string, Row[]> = {};
  const load = loadavg()[0];
  for (const name of asked.length > 0 ? asked : ["mlp", "cnn"]) {
    results[name] = await measure(name);
    console.log(`\n${benchProblems[name]!.title}; ${threads} threads, spinning off, minimum of ${repeats}`);
    console.table(
      results[name].map((row) => ({
        ...row,
        milliseconds: row.milliseconds.toFixed(2),
        gradients: row.gradients.toFixed(2),
        processorGradients: row.processorGradients.toFixed(2),
        floor: row.floor?.toFixed(2),
      })),
    );
  }
  if (asked.length > 0) return;
  const environment = {
    node: process.version,
    cpu: cpus()[0]?.model,
    cores: cpus().length,
    loadAtStart: load,
    threads,
    spinning: false,
    repeats,
    date: new Date().toISOString().slice(0, 10),
  };
  const folder = fileURLToPath(new URL("./results/", import.meta.url));
  mkdirSync(folder, { recursive: true });
  writeFileSync(`${folder}factors.json`, `${JSON.stringify({ environment, results }, null, 2)}\n`);
}

const peakAt = process.argv.indexOf("--peak");
await (peakAt > 0 ? printPeak(process.argv[peakAt + 1]!, process.argv[peakAt + 2]!) : bench());
