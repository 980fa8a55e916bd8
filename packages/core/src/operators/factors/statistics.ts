/**
 * Sums over the data of what layers see, in one pass and bounded memory.
 *
 * A statistic is built for each binding as graph outputs of the layers' inputs `a` and pulled-back vectors `g`; its outputs
 * are added up over batches and column chunks in float64, in the data's order.
 */
import { pullBack } from "../../autodiff/pullBack.ts";
import { dense } from "../../autodiff/rule.ts";
import { vmap } from "../../autodiff/vmap.ts";
import type { Program } from "../../engine/engine.ts";
import { graphOf } from "../../ir/builder.ts";
import { costOf } from "../../ir/cost.ts";
import { type Graph, type InputValue, reachable, type Value } from "../../ir/graph.ts";
import type { Tensor } from "../../ir/tensor.ts";
import type { PreparedBatch } from "../batches.ts";
import type { Binding } from "../binding.ts";
import { dataFeeds, lossFeeds } from "../feeds.ts";
import { captureLayers } from "../layers/capture.ts";
import type { Layer, LayerUse } from "../layers/layer.ts";
import type { Problem } from "../problem.ts";
import { forEachBatch } from "../vectorProduct.ts";
import { type ColumnSource, columnChunks, columnSource } from "./columns.ts";
import { type PartialSums, partialSum, type SumOnItsWay } from "./partialSums.ts";
import type { Fisher } from "./request.ts";

/** A layer's use with its pulled-back vectors: `[K, batch, shared, groups, out]`; absent without columns. */
export interface SeenUse {
  readonly use: LayerUse;
  readonly vectors?: Value;
}

export interface SeenLayer {
  readonly layer: Layer;
  readonly uses: readonly SeenUse[];
}

export interface Statistic {
  /** Distinguishes its programs: all that `build` depends on is in it. */
  readonly name: string;
  readonly fisher: Fisher;
  /** Every loss term of a row pulled back by itself. */
  readonly termwise: boolean;
  /** Values of further inputs, the same for every batch: eigenvectors. The graph gets an input for each. */
  readonly fixed?: readonly Tensor[];
  /** Graph outputs, to be summed over batches and chunks. `rowWeights` is `[batch]`. */
  build(
    binding: Binding,
    layers: readonly SeenLayer[],
    rowWeights: Value,
    fixed: readonly InputValue[],
  ): readonly Value[];
  /** Outputs that do not depend on the columns count once a batch: false for those. */
  perColumn(output: number): boolean;
  readonly part?: PartialSums;
  /** Arrays that are needed no more: the sums may lie in them. */
  readonly into?: readonly Float64Array[];
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: { readonly done: number; readonly total: number }) => void;
}

/** Columns pulled back at once at most. */
const mostColumns = 32;

interface Prepared {
  readonly k: number;
  readonly source: ColumnSource | null;
  readonly graph: Graph;
  readonly rowWeights: InputValue;
  readonly parts: InputValue | undefined;
  readonly terms: InputValue | undefined;
  readonly fixed: readonly InputValue[];
}

/** The statistic's outputs summed over all data, float64; batches that an earlier run has added are not gone over again. */
export async function sumStatistic(problem: Problem, statistic: Statistic): Promise<Float64Array[]> {
  const sum = await partialSum(statistic.part ?? {});
  const { batches } = problem.survey;
  const some = Array.from({ length: batches }, (_, index) => index).some(sum.wanted);
  try {
    if (some) await addBatches(problem, statistic, sum);
  } catch (error) {
    await sum.keep().catch(() => undefined); // what stopped the work is what is told
    throw error;
  }
  await sum.keep();
  return sum.sums;
}

async function addBatches(problem: Problem, statistic: Statistic, { wanted, added, sums }: SumOnItsWay): Promise<void> {
  const memory = [...(statistic.into ?? []), ...takeMemory(problem)];
  await forEachBatch(problem, statistic.signal, async (batch) => {
    if (!wanted(batch.index)) return () => added(batch.index);
    const binding = problem.bind(batch);
    const plan = planFor(problem, binding, statistic);
    const program = await problem.program(binding, statistic.name, () => plan.graph);
    const results = await runBatch(problem, binding, batch, plan, program, statistic);
    return async () => {
      results.forEach((tensors, chunk) => {
        tensors.forEach((value, i) => {
          if (chunk === 0 || statistic.perColumn(i)) sums[i] = plus(sums[i], value, memory);
        });
        problem.engine.recycle?.(tensors);
      });
      await added(batch.index);
      statistic.onProgress?.({ done: batch.index + 1, total: problem.survey.batches });
    };
  });
}

/** Plans live as long as the programs that were compiled from them. */
const plans = new WeakMap<Problem, Map<string, Prepared>>();

function planFor(problem: Problem, binding: Binding, statistic: Statistic): Prepared {
  const known = plans.get(problem) ?? new Map<string, Prepared>();
  plans.set(problem, known);
  const key = `${statistic.name} @ ${binding.key}`;
  const plan = known.get(key) ?? prepare(problem, binding, statistic);
  known.set(key, plan);
  return plan;
}

/** `sum` and what is added; without a sum, what is added in memory that was used before, or is fresh. */
function plus(sum: Float64Array | undefined, { data }: Tensor, memory: Float64Array[]): Float64Array {
  if (sum) {
    for (let i = 0; i < sum.length; i++) sum[i]! += data[i]!;
    return sum;
  }
  const at = memory.findIndex(({ length }) => length === data.length);
  const [first = new Float64Array(data.length)] = at < 0 ? [] : memory.splice(at, 1);
  first.set(data as ArrayLike<number>);
  return first;
}

/** Memory of sums whose reader has done with them: the next sums of the problem touch no fresh pages. */
const kept = new WeakMap<Problem, Float64Array[]>();

/** Entries that are kept at most. */
const mostKept = 2 ** 23;

/** Hands a statistic's sums back. They must not be used any more. */
export function keepMemory(problem: Problem, sums: readonly Float64Array[]): void {
  const entries = sums.reduce((sum, { length }) => sum + length, 0);
  if (entries <= mostKept) kept.set(problem, [...sums]);
}

function takeMemory(problem: Problem): Float64Array[] {
  const memory = kept.get(problem) ?? [];
  kept.delete(problem);
  return memory;
}

async function runBatch(
  problem: Problem,
  binding: Binding,
  batch: PreparedBatch,
  plan: Prepared,
  program: Program,
  { termwise, signal, fixed = [] }: Statistic,
): Promise<Tensor[][]> {
  const base = batch.target ? lossFeeds(binding, batch) : dataFeeds(binding, batch);
  base.set(plan.rowWeights, batch.rowWeights);
  plan.fixed.forEach((input, i) => base.set(input, fixed[i]!));
  const { source } = plan;
  source?.extra.forEach((input, i) => base.set(input, source.extraFeeds(batch)[i]!));
  const run = { lane: batch.index % problem.engine.lanes, ...(signal ? { signal } : {}) };
  if (!source) return [await program.run(base, run)];
  const results: Tensor[][] = [];
  for (const { parts, terms } of columnChunks(source, plan.k, { termwise })) {
    signal?.throwIfAborted();
    results.push(await program.run(new Map(base).set(plan.parts!, parts).set(plan.terms!, terms), run));
  }
  return results;
}

/** Chooses the number of columns at once by memory and builds the graph. */
function prepare(problem: Problem, binding: Binding, statistic: Statistic): Prepared {
  const source = columnSource(problem, binding, statistic.fisher);
  const termsPerRow = statistic.termwise ? problem.survey.termsPerRow : 1;
  const total = source ? source.parts * termsPerRow : 1;
  const build = (k: number): Prepared => buildGraph(binding, statistic, source, k);
  let k = Math.min(total, mostColumns);
  let plan = build(k);
  while (k > 1 && costOf(plan.graph).peakBytes > problem.memory / 2) {
    k = Math.ceil(k / 2);
    plan = build(k);
  }
  return plan;
}

function buildGraph(binding: Binding, statistic: Statistic, source: ColumnSource | null, k: number): Prepared {
  const { g, prediction, inputs, target, weights, parameters } = binding;
  const layers = captureLayers(binding);
  const rowWeights = g.input("row weights", prediction.dtype, [binding.rows]);
  const fixed = (statistic.fixed ?? []).map(({ shape }, i) => g.input(`fixed ${i}`, prediction.dtype, shape));
  const parts = source ? g.input("parts", prediction.dtype, [k, ...source.part.shape]) : undefined;
  const terms = source ? g.input("terms", prediction.dtype, [k, ...source.term.shape]) : undefined;
  const seen = seenLayers(binding, layers, source, k, parts, terms);
  const outputs = statistic.build(binding, seen, rowWeights, fixed);
  const needed = new Set<Value>(reachable(outputs));
  const all = [
    ...inputs.values(),
    target,
    weights,
    rowWeights,
    ...(source?.extra ?? []),
    ...(parts && terms ? [parts, terms] : []),
    ...fixed,
    ...parameters,
  ].filter((input) => needed.has(input));
  return { k, source, graph: graphOf(all, outputs), rowWeights, parts, terms, fixed };
}

function seenLayers(
  { g, prediction }: Binding,
  layers: readonly Layer[],
  source: ColumnSource | null,
  k: number,
  parts: InputValue | undefined,
  terms: InputValue | undefined,
): SeenLayer[] {
  if (!source || !parts || !terms) return layers.map((layer) => ({ layer, uses: layer.uses.map((use) => ({ use })) }));
  const taps = [...new Set(layers.flatMap((layer) => layer.uses.map((use) => use.tap)))];
  const pulled = pullBack(g, [prediction], [source.column], taps);
  const cotangents = new Map(taps.map((tap, i) => [tap, dense(g, pulled[i], tap)]));
  const single = layers.flatMap((layer) => layer.uses.map((use) => use.gradient(g, cotangents.get(use.tap)!)));
  const stacked = vmap(
    g,
    single,
    new Map<Value, Value>([
      [source.part, parts],
      [source.term, terms],
    ]),
    k,
  );
  let next = 0;
  return layers.map((layer) => ({ layer, uses: layer.uses.map((use) => ({ use, vectors: stacked[next++]! })) }));
}
