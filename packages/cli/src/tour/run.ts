/** `hessonite tour`: the curvature matrices of a small model, entry by entry. */
import {
  buildOperator,
  denseOperator,
  eigh,
  layerwise,
  matrix,
  type OperatorSpec,
  type Problem,
  toDense,
  UsageError,
} from "@hessonite/core";
import type { CommandContext } from "../command.ts";
import { disposed, openProblem } from "../operator/setting.ts";
import { subjectOf } from "../operator/subject.ts";
import { operatorText } from "../operator/text.ts";
import type { TourOptions } from "./options.ts";
import type { TourResult } from "./result.ts";

/** A matrix, row by row, and its operator as text. */
export interface Toured {
  readonly operator: string;
  readonly entries: Float64Array;
  readonly seconds: number;
}

export interface Tour {
  readonly result: TourResult;
  readonly matrices: readonly Toured[];
}

const specs = ({ fisherSamples, seed }: TourOptions): OperatorSpec[] => [
  { kind: "hessian" },
  { kind: "ggn" },
  { kind: "fisher-mc", samples: fisherSamples, seed },
  { kind: "empirical-fisher" },
  { kind: "kfac" },
  { kind: "ekfac" },
];

export async function runTour(options: TourOptions, { signal, progress }: CommandContext): Promise<Tour> {
  await using opened = await progress.stage("model and data", 1, () => openProblem(options, signal));
  const { problem } = opened;
  const { size, parameters } = problem.space;
  if (size > options.most) {
    throw new UsageError("Cannot tour the model as its matrices would be too large to look at", {
      found: `${size} parameters, ${size} × ${size} entries`,
      expected: `${options.most} or fewer`,
      try: "--parameters with some of the layers, or a larger --most",
    });
  }
  const list = specs(options);
  const matrices: Toured[] = [];
  await progress.stage("matrices", list.length, async (done) => {
    for (const spec of list) {
      matrices.push(await denseOf(problem, spec, signal));
      done(matrices.length);
    }
  });
  const ggn = matrices[1]?.entries ?? new Float64Array();
  const blocks = await toDense(await layerwise(problem, denseOperator(matrix(size, size, ggn))));
  const { operator: _, ...subject } = await subjectOf({ ...options, operator: { kind: "ggn" } }, opened, {
    seed: options.seed,
    fisherSamples: options.fisherSamples,
  });
  const figures: TourResult["matrices"] = [];
  for (const one of matrices) figures.push(await figuresOf(one, size, ggn, blocks));
  const result = {
    ...subject,
    parameters: parameters.map(({ name, offset, size: count }) => ({ name, offset, count })),
    matrices: figures,
    report: options.report,
  };
  return { result, matrices };
}

async function denseOf(problem: Problem, spec: OperatorSpec, signal: AbortSignal): Promise<Toured> {
  const start = performance.now();
  const operator = await buildOperator(spec, problem);
  const entries = await toDense(operator, { signal });
  await disposed(operator);
  return { operator: operatorText(spec), entries, seconds: (performance.now() - start) / 1000 };
}

async function figuresOf(
  { operator, entries, seconds }: Toured,
  n: number,
  ggn: Float64Array,
  blocks: Float64Array,
): Promise<TourResult["matrices"][number]> {
  const symmetric = entries.map((x, at) => (x + (entries[(at % n) * n + Math.floor(at / n)] ?? 0)) / 2);
  const { values } = await eigh({ rows: n, columns: n, data: symmetric });
  const most = values.reduce((largest, x) => Math.max(largest, Math.abs(x)), 0);
  return {
    operator,
    trace: entries.reduce((sum, x, at) => (at % (n + 1) === 0 ? sum + x : sum), 0),
    norm: norm(entries),
    largest: values.at(-1) ?? 0,
    smallest: values[0] ?? 0,
    rank: values.filter((x) => Math.abs(x) > 1e-6 * most).length,
    fromGgn: distance(entries, ggn),
    fromBlocks: distance(entries, blocks),
    seconds,
  };
}

function norm(x: Float64Array): number {
  return Math.sqrt(x.reduce((sum, xi) => sum + xi * xi, 0));
}

function distance(x: Float64Array, truth: Float64Array): number {
  const size = norm(truth);
  const error = norm(x.map((xi, at) => xi - (truth[at] ?? 0)));
  return size === 0 ? error : error / size;
}
