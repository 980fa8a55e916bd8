/** What is lost with the rows that scores call most helpful: the model is trained again without them, and without random ones. */
import {
  createProblem,
  createTrainer,
  type Dataset,
  lossAt,
  MismatchError,
  type OptimizerOptions,
  openDataset,
  readModel,
  type Tensor,
  UsageError,
  type Vector,
} from "@hessonite/core";
import { type TopRemoval, topRemoval } from "@hessonite/influence";
import type { CommandContext } from "../command.ts";
import { datasetFile } from "../options/datasetFile.ts";
import { openEngine } from "../options/engine.ts";
import { openLoss } from "../options/loss.ts";
import type { EvaluateOptions, Evaluation } from "./evaluation.ts";

type Found = NonNullable<Evaluation["topRemoval"]>;

/** @throws {UsageError} if the model, its data, its loss or its queries' losses are not there to train on. */
export async function evaluateTopRemoval(
  scores: Tensor,
  options: EvaluateOptions,
  { signal, progress }: CommandContext,
): Promise<Found> {
  const { removal: count = 0, removalQueries, draws, seed, model: path, initial = path } = options;
  const { train, query, loss: lossName } = options;
  if (!path || !initial || !train || !query || !lossName) {
    throw new UsageError("Cannot remove rows and train again as it is not said what on", {
      expected: "--model, --train, --query and --loss",
      found: Object.entries({ model: path, train, query, loss: lossName })
        .flatMap(([name, value]) => (value ? [`--${name}`] : []))
        .join(", "),
    });
  }
  await using engine = await openEngine(options);
  const model = await readModel(initial);
  const loss = openLoss({ ...options, loss: lossName });
  const shared = { model, loss, engine, signal, ...(options.parameters && { parameters: options.parameters }) };
  const open = (file: string, rows?: { start: number; end: number }): Promise<Dataset> =>
    openDataset(datasetFile(options, file, rows), model, signal);
  await using problem = await createProblem({ ...shared, data: await open(train, options.trainRows) });
  const [queries = 0, rows = 0] = scores.shape;
  requireRows(train, rows, problem.survey.rows);
  const chosen = spread(queries, removalQueries);
  const first = options.queryRows?.start ?? 0;
  await using losses = await queryLosses(
    chosen,
    async (q) => createProblem({ ...shared, data: await open(query, { start: first + q, end: first + q + 1 }) }),
    queries,
  );
  await using trainer = await createTrainer(problem);
  const runs = 1 + draws + chosen.length;
  const found = await progress.stage("training", runs, async (done) => {
    let trained = 0;
    return topRemoval({
      scores: scores.data,
      queries,
      rows,
      count,
      chosen,
      draws,
      seed,
      async retrain(kept) {
        const { epochs } = options;
        const { theta } = await trainer.train({ optimizer: optimizerOf(options), epochs, rows: kept, seed, signal });
        done(++trained);
        return losses.at(theta);
      },
    });
  });
  return summary(found, { removed: count, draws, epochs: options.epochs, start: initial, firstQuery: first });
}

function requireRows(file: string, expected: number, found: number): void {
  if (expected === found) return;
  throw new MismatchError("Cannot remove rows as the scores are not of these training rows", {
    at: file,
    expected: `${expected} rows`,
    found,
  });
}

/** So many numbers below `of`, evenly spread. */
function spread(of: number, count: number): number[] {
  const some = Math.min(of, count);
  return Array.from({ length: some }, (_, i) => Math.floor(((i + 0.5) * of) / some));
}

function optimizerOf({ optimizer, learningRate, weightDecay }: EvaluateOptions): OptimizerOptions {
  const common = { learningRate, weightDecay };
  return optimizer === "adam" ? { kind: "adam", ...common } : { kind: "sgd", momentum: 0.9, ...common };
}

interface QueryLosses extends AsyncDisposable {
  /** `[queries]`; NaN for those that were not chosen. */
  at(theta: Vector): Promise<Float64Array>;
}

async function queryLosses(
  chosen: readonly number[],
  problemOf: (query: number) => ReturnType<typeof createProblem>,
  queries: number,
): Promise<QueryLosses> {
  const held: AsyncDisposable[] = [];
  const release = async (): Promise<void> => {
    for (const one of held.reverse()) await one[Symbol.asyncDispose]();
  };
  const losses: (readonly [number, ReturnType<typeof lossAt>])[] = [];
  try {
    for (const query of chosen) {
      const problem = await problemOf(query);
      const loss = lossAt(problem);
      held.push(problem, loss);
      losses.push([query, loss]);
    }
  } catch (error) {
    await release();
    throw error;
  }
  return {
    async at(theta) {
      const found = new Float64Array(queries).fill(Number.NaN);
      for (const [query, loss] of losses) found[query] = await loss.at(theta);
      return found;
    },
    [Symbol.asyncDispose]: release,
  };
}

interface Run {
  readonly removed: number;
  readonly draws: number;
  readonly epochs: number;
  readonly start: string;
  readonly firstQuery: number;
}

/** Means over queries, the standard error of the paired difference, and how many queries lose more by the scores. */
function summary(found: readonly TopRemoval[], { firstQuery, ...run }: Run): Found {
  const mean = (list: readonly number[]): number => list.reduce((sum, x) => sum + x, 0) / list.length;
  const differences = found.map(({ top, random }) => top - random);
  const middle = mean(differences);
  const spread = differences.reduce((sum, x) => sum + (x - middle) ** 2, 0);
  const n = found.length;
  return {
    ...run,
    top: mean(found.map(({ top }) => top)),
    random: mean(found.map(({ random }) => random)),
    standardError: n > 1 ? Math.sqrt(spread / (n - 1) / n) : null,
    wins: differences.filter((x) => x > 0).length / n,
    perQuery: found.map(({ query, top, random }) => ({ query: query + firstQuery, top, random })),
  };
}
