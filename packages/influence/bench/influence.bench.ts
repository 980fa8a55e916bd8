/**
 * Fitting and scoring Concrete (927 × 103) and digits on a CNN (10,000 × 500: the 2,000 training digits five times over), stage
 * by stage, as multiples of one pass of gradients in the same run.
 *
 *     pnpm bench influence [-- concrete digits] [--repeats 5]
 *
 * Times are the minimum of repeats, each with a problem of its own on a running engine; processor time is that of all threads
 * together and does not grow when the machine has other work. "first" is the first repeat, which starts the runtime and compiles.
 * Peak memory is the process's own. Writes the tasks that were run into bench/results/influence.json.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus, loadavg } from "node:os";
import { fileURLToPath } from "node:url";
import {
  createProblem,
  crossEntropy,
  type Dataset,
  datasetFromArrays,
  type Engine,
  gradientAndLoss,
  type Loss,
  ortNodeEngine,
  readTensors,
  squaredError,
  type Tensor,
} from "@hessonite/core";
import { fitCurvature, pairwiseRun } from "../src/index.ts";

interface Task {
  readonly model: string;
  readonly train: string;
  readonly query: string;
  readonly loss: () => Loss;
  readonly rows: number;
  readonly queries: number;
  readonly scale?: number;
  readonly batchSize: number;
}

const here = (path: string): string => fileURLToPath(new URL(`../${path}`, import.meta.url));
const tasks: Readonly<Record<string, Task>> = {
  concrete: {
    model: here("testdata/concrete-mlp-0.onnx"),
    train: here("testdata/concrete-train.npz"),
    query: here("testdata/concrete-query.npz"),
    loss: squaredError,
    rows: 927,
    queries: 103,
    batchSize: 103,
  },
  digits: {
    model: here("../../testdata/mnist/digits-cnn.onnx"),
    train: here("../../testdata/mnist/digits-train.npz"),
    query: here("../../testdata/mnist/digits.npz"),
    loss: crossEntropy,
    rows: 10_000,
    queries: 500,
    scale: 1 / 255,
    batchSize: 64,
  },
};

type Stages = Record<string, number>;

/** So many rows of a file's `x` and `y`, from its first again where they end. */
async function rowsOf(
  file: string,
  { count, scale, batchSize }: { readonly count: number; readonly scale: number; readonly batchSize: number },
): Promise<Dataset> {
  const { tensors } = await readTensors(file);
  const taken = async (name: string, factor: number): Promise<Tensor> => {
    const { dtype, shape, data } = await tensors.get(name)!.read();
    const [rows = 0, ...rest] = shape;
    const size = data.length / rows;
    const out = new Float32Array(count * size).map((_, at) => factor * data[at % data.length]!);
    return { dtype: name === "x" ? "float32" : dtype, shape: [count, ...rest], data: out };
  };
  return datasetFromArrays({ inputs: { x: await taken("x", scale) }, target: await taken("y", 1) }, { batchSize });
}

/** Seconds of every stage, one run. */
async function runOnce(
  { model, train: trainFile, query: queryFile, loss, rows, queries, scale = 1, batchSize }: Task,
  engine: Engine,
): Promise<Stages> {
  const stages: Stages = {};
  const before = process.cpuUsage();
  const timed = async <T>(stage: string, work: () => Promise<T>): Promise<T> => {
    const start = performance.now();
    const result = await work();
    stages[stage] = (performance.now() - start) / 1000;
    return result;
  };
  const open = async (file: string, count: number) =>
    createProblem({ model, loss: loss(), engine, data: await rowsOf(file, { count, scale, batchSize }) });
  await using train = await timed("open", () => open(trainFile, rows));
  await using query = await open(queryFile, queries);
  const curvature = await fitCurvature(train);
  Object.assign(stages, curvature.seconds);
  const run = await timed("queries", () => pairwiseRun(curvature, { train, query }));
  await timed("scores", async () => {
    for await (const _ of run.slices());
  });
  const used = process.cpuUsage(before);
  stages["all"] = Object.values(stages).reduce((sum, x) => sum + x, 0);
  stages["all, processor time"] = (used.user + used.system) / 1e6;
  await gradientAndLoss(train);
  await timed("one pass of gradients", () => gradientAndLoss(train));
  stages["one pass of gradients"]! /= 2; // it goes over the data twice, to see that they are the same
  stages["rows"] = train.survey.rows;
  stages["queries asked"] = query.survey.rows;
  return stages;
}

const words = process.argv.slice(2);
const repeats = Number(words[words.indexOf("--repeats") + 1] ?? 0) || 5;
const chosen = Object.keys(tasks).filter((name) => words.every((word) => !(word in tasks)) || words.includes(name));
const folder = here("bench/results");
const file = `${folder}/influence.json`;
const results: Record<string, object> = {};
for (const name of chosen) {
  await using engine = ortNodeEngine();
  const runs: Stages[] = [];
  for (let i = 0; i < repeats; i++) runs.push(await runOnce(tasks[name]!, engine));
  const least = Object.fromEntries(
    Object.keys(runs[0]!).map((stage) => [stage, Math.min(...runs.map((run) => run[stage]!))]),
  );
  const gradient = least["one pass of gradients"]!;
  console.log(`\n${name}: ${least["rows"]} rows × ${least["queries asked"]} queries`);
  for (const [stage, seconds] of Object.entries(least)) {
    if (stage.startsWith("rows") || stage.endsWith("asked")) continue;
    console.log(
      `  ${stage.padEnd(24)} ${seconds.toFixed(3).padStart(8)} s  ${(seconds / gradient).toFixed(1).padStart(8)} gradients`,
    );
  }
  console.log(`  first run                ${runs[0]!["all"]!.toFixed(3).padStart(8)} s`);
  results[name] = {
    seconds: least,
    repeats,
    firstRun: runs[0]!["all"],
    peakMiB: Math.round(process.resourceUsage().maxRSS / 1024),
  };
}
mkdirSync(folder, { recursive: true });
const machine = { cpu: cpus()[0]?.model ?? "", processors: availableParallelism(), node: process.versions.node };
const before = existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as { results?: object }).results : {};
const load = loadavg()[0];
writeFileSync(file, `${JSON.stringify({ machine, load, results: { ...before, ...results } }, null, 2)}\n`);
