/**
 * Runs a product that is linear in a vector, batch by batch, for one vector or K rows.
 *
 * A product graph has a primal half, which depends on data and parameters only, and a linear half. With kept residuals the
 * primal half runs once a batch for the operator's life; without, it runs with every product. K rows share it either way.
 */

import { splitLinear } from "../autodiff/split.ts";
import { vmap } from "../autodiff/vmap.ts";
import type { Feed, Program, Resident } from "../engine/engine.ts";
import { graphOf } from "../ir/builder.ts";
import { costOf } from "../ir/cost.ts";
import { bytesPerElement } from "../ir/elements.ts";
import { type Graph, type InputValue, reachable, type Value } from "../ir/graph.ts";
import { sizeOf } from "../ir/shape.ts";
import type { Tensor } from "../ir/tensor.ts";
import type { PreparedBatch } from "./batches.ts";
import type { Binding } from "./binding.ts";
import type { Problem } from "./problem.ts";

/** A graph with its linear inputs and what else it is fed. */
export interface LinearGraph {
  /** Among the graph's inputs, in the order of the tensors that a run is given. */
  readonly linear: readonly InputValue[];
  /** Further inputs beside the binding's own: noise. */
  readonly extra?: readonly InputValue[];
  readonly outputs: readonly Value[];
}

export interface LinearProgramOptions {
  /** Distinguishes it among the problem's programs. */
  readonly name: string;
  readonly build: (binding: Binding) => LinearGraph;
  /** Feeds of the binding from a batch: data only, or with target and weights. */
  readonly feeds: (binding: Binding, batch: PreparedBatch) => Map<InputValue, Tensor>;
  /** Feeds of the extra inputs. */
  readonly extraFeeds?: (batch: PreparedBatch, inputs: readonly InputValue[]) => readonly Tensor[];
  readonly residuals?: Residuals;
}

/** Whether the primal half's results stay between products: "auto" keeps them where they fit into the problem's memory. */
export type Residuals = "auto" | "keep" | "recompute";

/** What one product over all batches takes. */
export interface ProductCost {
  /** Paid once, with the first product: the primal half where residuals are kept, 0 elsewhere. */
  readonly onceFlops: number;
  readonly flops: number;
  /** The part of `flops` in matrix products and convolutions. */
  readonly productFlops: number;
  /** Bytes of values live at once in one run, and of all kept residuals. */
  readonly peakBytes: number;
  /** Nodes of the graph that runs for each batch. */
  readonly nodes: number;
  /** Runs a product: one a batch. */
  readonly runs: number;
}

export interface LinearProgram extends AsyncDisposable {
  /** Counted from the graphs; nothing runs. The peak is that of `rows` vectors at once, or as many as fit. */
  cost(rows: number): ProductCost;
  /** Rows that one run takes at most. */
  chunk(binding: Binding, wanted: number): number;
  /**
   * The outputs for one batch. `vectors` are the linear inputs' tensors: `[…shape]`, or `[rows, …shape]` with rows > 1.
   */
  run(batch: PreparedBatch, vectors: readonly Feed[], rows: number, signal?: AbortSignal): Promise<Tensor[]>;
}

/** What does not depend on the vector, and what does. */
interface Halves {
  readonly primal: Graph;
  readonly linear: Graph;
}

/** Kept residuals of one batch, with the lane they are on. */
interface Kept {
  readonly residents: readonly Resident[];
}

export function linearProgram(problem: Problem, options: LinearProgramOptions): LinearProgram {
  const { engine } = problem;
  const kept = new Map<string, Promise<Kept>>();
  const graphFor = (binding: Binding): LinearGraph => sharedGraph(binding, options);
  const split = new Map<string, Halves>();
  const halvesFor = (binding: Binding, rows: number): Halves => {
    const key = `${binding.key} ×${rows}`;
    const known = split.get(key) ?? halves(binding, graphFor(binding), rows);
    split.set(key, known);
    return known;
  };
  const laneOf = (batch: PreparedBatch): number => batch.index % engine.lanes;
  const whole = (binding: Binding, rows: number): Graph => wholeGraph(binding, graphFor(binding), rows);
  const keeps = keeper(problem, options.residuals ?? "auto", graphFor);

  const allFeeds = (binding: Binding, batch: PreparedBatch): Map<InputValue, Feed> => {
    const feeds = new Map<InputValue, Feed>(options.feeds(binding, batch));
    const extra = graphFor(binding).extra ?? [];
    const tensors = options.extraFeeds?.(batch, extra) ?? [];
    extra.forEach((input, i) => feeds.set(input, tensors[i]!));
    return feeds;
  };

  const residualsOf = (
    binding: Binding,
    { primal }: Halves,
    batch: PreparedBatch,
    signal?: AbortSignal,
  ): Promise<Kept> => {
    const residuals = primal.outputs.map(({ id }) => id).join(" ");
    const key = `${batch.index}: ${residuals}`;
    const known = kept.get(key);
    if (known) return known;
    const made = (async () => {
      const program = await problem.program(binding, `${options.name} primal ${residuals}`, () => primal);
      const residents = await program.runResident(allFeeds(binding, batch), {
        lane: laneOf(batch),
        ...(signal ? { signal } : {}),
      });
      return { residents };
    })();
    kept.set(key, made);
    made.catch(() => kept.delete(key));
    return made;
  };

  return {
    cost(wanted) {
      const { binding, batches } = problem.survey;
      const rows = chunkFor(problem, (k) => whole(binding, k), wanted);
      if (!keeps(binding)) return recomputedCost(batches, (k) => whole(binding, k), rows);
      return keptCost(batches, (k) => halvesFor(binding, k), rows);
    },
    chunk: (binding, wanted) => chunkFor(problem, (rows) => whole(binding, rows), wanted),
    async run(batch, vectors, rows, signal) {
      const binding = problem.bind(batch);
      const run = { lane: laneOf(batch), ...(signal ? { signal } : {}) };
      if (keeps(binding)) {
        const { primal, linear } = halvesFor(binding, rows);
        const { residents } = await residualsOf(binding, { primal, linear }, batch, signal);
        const program = await problem.program(binding, `${options.name} linear ×${rows}`, () => linear);
        const inputs = program.graph.inputs;
        const feeds = new Map<InputValue, Feed>(residents.map((r, i) => [inputs[i]!, r]));
        linearInputs(program, vectors.length).forEach((input, i) => feeds.set(input, vectors[i]!));
        return program.run(feeds, run);
      }
      const program = await problem.program(binding, `${options.name} ×${rows}`, () => whole(binding, rows));
      const feeds = allFeeds(binding, batch);
      linearInputs(program, vectors.length).forEach((input, i) => feeds.set(input, vectors[i]!));
      return program.run(feeds, run);
    },
    async [Symbol.asyncDispose]() {
      const all = await Promise.allSettled(kept.values());
      kept.clear();
      for (const result of all) if (result.status === "fulfilled") await engine.release(result.value.residents);
    },
  };
}

/**
 * Graphs by binding and name: operators of one name share the problem's programs, so they must share the inputs by which
 * these are fed.
 */
const sharedGraphs = new WeakMap<Binding, Map<string, LinearGraph>>();

function sharedGraph(binding: Binding, { name, build }: LinearProgramOptions): LinearGraph {
  const graphs = sharedGraphs.get(binding) ?? new Map<string, LinearGraph>();
  sharedGraphs.set(binding, graphs);
  const graph = graphs.get(name) ?? build(binding);
  graphs.set(name, graph);
  return graph;
}

/** The linear inputs stand last. */
function linearInputs(program: Program, count: number): readonly InputValue[] {
  return program.graph.inputs.slice(program.graph.inputs.length - count);
}

/** Data, target, weights, parameters, extra inputs, then the linear ones. */
function wholeGraph(binding: Binding, graph: LinearGraph, rows: number): Graph {
  const { inputs, outputs } = stacked(binding, graph, rows);
  return wholeOf(binding, graph, inputs, outputs);
}

function wholeOf(
  binding: Binding,
  graph: LinearGraph,
  inputs: readonly InputValue[],
  outputs: readonly Value[],
): Graph {
  return graphOf([...primalInputs(binding, graph, outputs), ...inputs], outputs);
}

/** Those that the outputs need: a prediction's graph has no target. */
function primalInputs(binding: Binding, { extra = [] }: LinearGraph, outputs: readonly Value[]): InputValue[] {
  const needed = new Set<Value>(reachable(outputs));
  const all = [...binding.inputs.values(), binding.target, binding.weights, ...extra, ...binding.parameters];
  return all.filter((input) => needed.has(input));
}

/** K rows at once: the linear inputs get a leading axis. */
function stacked(
  { g }: Binding,
  { linear, outputs }: LinearGraph,
  rows: number,
): { readonly inputs: readonly InputValue[]; readonly outputs: readonly Value[] } {
  if (rows === 1) return { inputs: linear, outputs };
  const inputs = linear.map((v) => g.input(`${v.name}_rows`, v.dtype, [rows, ...v.shape]));
  return { inputs, outputs: vmap(g, outputs, new Map(linear.map((v, i) => [v, inputs[i]!])), rows) };
}

function halves(binding: Binding, graph: LinearGraph, rows: number): Halves {
  const { inputs, outputs } = stacked(binding, graph, rows);
  return splitLinear(binding.g, wholeOf(binding, graph, inputs, outputs), inputs, binding.parameters);
}

/** The whole graph runs for each batch. */
function recomputedCost(runs: number, whole: (rows: number) => Graph, rows: number): ProductCost {
  const { flops, productFlops, nodes } = costOf(whole(1));
  const { peakBytes } = costOf(whole(rows));
  return { onceFlops: 0, flops: runs * flops, productFlops: runs * productFlops, peakBytes, nodes, runs };
}

/** The linear half runs for each batch, beside the residuals of all. */
function keptCost(
  runs: number,
  halves: (rows: number) => { readonly primal: Graph; readonly linear: Graph },
  rows: number,
): ProductCost {
  const { primal, linear } = halves(1);
  const once = costOf(primal);
  const { flops, productFlops, nodes } = costOf(linear);
  const linearPeak = costOf(halves(rows).linear).peakBytes; // one batch's residuals are among its inputs
  return {
    onceFlops: runs * once.flops,
    flops: runs * flops,
    productFlops: runs * productFlops,
    peakBytes: Math.max(once.peakBytes, linearPeak) + (runs - 1) * bytesOf(primal.outputs),
    nodes,
    runs,
  };
}

function bytesOf(values: readonly Value[]): number {
  return values.reduce((sum, value) => sum + sizeOf(value.shape) * bytesPerElement(value.dtype), 0);
}

/** Below this, feeding the residuals costs more than computing them: some 10 µs each. */
const worthKeeping = 2e7;

/** Decides once a binding whether residuals are kept: all batches' must fit into half of the memory. */
function keeper(
  problem: Problem,
  residuals: Residuals,
  graphFor: (binding: Binding) => LinearGraph,
): (binding: Binding) => boolean {
  const decided = new Map<string, boolean>();
  return (binding) => {
    if (residuals !== "auto") return residuals === "keep";
    const known = decided.get(binding.key);
    if (known !== undefined) return known;
    const { primal } = halves(binding, graphFor(binding), 1);
    const bytes = bytesOf(primal.outputs);
    const fits = problem.survey.kept !== undefined && bytes * problem.survey.batches <= problem.memory / 2;
    const keep = fits && costOf(primal).flops >= worthKeeping;
    decided.set(binding.key, keep);
    return keep;
  };
}

/** Rows at once: doubled while they are wanted and fit into half of the memory, at most 16. */
function chunkFor(problem: Problem, graph: (rows: number) => Graph, wanted: number): number {
  const one = costOf(graph(1)).peakBytes;
  let rows = 1;
  while (rows < Math.min(wanted, 16) && 2 * rows * one <= problem.memory / 2) rows *= 2;
  return Math.min(rows, wanted);
}
