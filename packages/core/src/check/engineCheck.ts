/**
 * Loss, gradient and two products on one engine, and the same from differences.
 *
 *     ⟨∇L, v⟩ ~ dL(θ + εv)/dε,   H v ~ d∇L(θ + εv)/dε,   G v = Jᵀ m,  m ~ d(∂ℓ/∂f)(f + δu)/dδ,  u ~ df(θ + εv)/dε
 */
import type { Engine, Feed, Program } from "../engine/engine.ts";
import { evaluateGraph } from "../engine/reference/interpreter.ts";
import type { Graph, InputValue, Value } from "../ir/graph.ts";
import type { Tensor } from "../ir/tensor.ts";
import { dot, norm } from "../linalg/vector.ts";
import type { Vector } from "../operators/linearOperator.ts";
import { addVectors, type ParameterSpace, splitVectors } from "../operators/parameterSpace.ts";
import type { CheckGraph, CheckGraphs } from "./checkGraphs.ts";
import { candidates, centralDifference, combined, type Differences, relativeError, stepsFor } from "./steps.ts";

/** Where everything is evaluated. */
export interface CheckPoint {
  readonly space: ParameterSpace;
  readonly theta: Vector;
  /** Data, target and weights. */
  readonly feeds: ReadonlyMap<InputValue, Tensor>;
  /** ∂L/∂f of a free f. */
  readonly slope: Graph;
}

export interface Values {
  readonly loss: number;
  readonly gradient: Vector;
  readonly hessian: Vector;
  readonly ggn: Vector;
}

export const quantities = ["gradient", "hessian", "ggn"] as const;
export type Quantity = (typeof quantities)[number];

export interface DifferenceError {
  readonly quantity: Quantity;
  /** Relative, at the best step. */
  readonly error: number;
  readonly step: number;
}

export interface EngineCheck {
  readonly values: Values;
  readonly differences: readonly DifferenceError[];
  /** Relative difference between the loss and that of the smooth piece through θ, which it must be. */
  readonly pieceError: number;
  /** Decisions in all, and those that differ between the ends of the largest step used. */
  readonly decisions: number;
  readonly kinks: number;
}

export interface EngineCheckOptions {
  /** What is good enough, so that no further step is tried. */
  readonly tolerances: Readonly<Record<Quantity, number>>;
  readonly signal?: AbortSignal | undefined;
}

/** A compiled check graph, run at any θ. */
type Evaluate = (theta: Vector, extra?: readonly Feed[]) => Promise<Tensor[]>;

/** L and ∇L on an engine, from which the direction of a check is made. */
export async function gradientOn(
  engine: Engine,
  { gradient }: CheckGraphs,
  point: CheckPoint,
): Promise<{ readonly loss: number; readonly gradient: Vector }> {
  await using program = await engine.compile(gradient.graph);
  const [loss, ...slopes] = await evaluator(program, gradient, point)(point.theta);
  return { loss: numberOf(loss), gradient: joined(point.space, slopes) };
}

/** f on an engine. */
export async function predictionOn(engine: Engine, { prediction }: CheckGraphs, point: CheckPoint): Promise<Vector> {
  await using program = await engine.compile(prediction.graph);
  const [f] = await evaluator(program, prediction, point)(point.theta);
  return floats(f);
}

/** Runs the check in direction `v`. */
export async function checkEngine(
  engine: Engine,
  graphs: CheckGraphs,
  point: CheckPoint,
  v: Vector,
  { tolerances, signal }: EngineCheckOptions,
): Promise<EngineCheck> {
  await using compiled = programs(engine, point, signal);
  const run = compiled.run;
  const { space, theta } = point;
  const [loss, ...slopes] = await run(graphs.gradient, theta);
  const vectors = splitVectors(space, v, 1, false);
  const values: Values = {
    loss: numberOf(loss),
    gradient: joined(space, slopes),
    hessian: joined(space, await run(graphs.hessian, theta, vectors)),
    ggn: joined(space, await run(graphs.ggn, theta, vectors)),
  };
  const decided = await run(graphs.decisions, theta);
  const [here, prediction] = await run(graphs.held, theta, decided);
  const tried: Record<Quantity, Differences[]> = { gradient: [], hessian: [], ggn: [] };
  const expected = { gradient: Float64Array.of(dot(values.gradient, v)), hessian: values.hessian, ggn: values.ggn };
  const best = (): DifferenceError[] =>
    quantities.map((quantity) => bestOf(quantity, tried[quantity], expected[quantity]));
  // Memory that is new is slow: every step uses the same.
  const [at, upwards, downwards] = [0, 1, 2].map(() => new Float64Array(space.size)) as [Vector, Vector, Vector];
  let largest = 0;
  for (const step of stepsFor[engine.precision]) {
    signal?.throwIfAborted();
    largest = Math.max(largest, step);
    const [lossUp, fUp, ...up] = await run(graphs.held, moved(theta, v, step, at), decided);
    const [lossDown, fDown, ...down] = await run(graphs.held, moved(theta, v, -step, at), decided);
    tried.gradient.push(centralDifference(scalarOf(lossUp), scalarOf(lossDown), step));
    tried.hessian.push(centralDifference(joined(space, up, upwards), joined(space, down, downwards), step));
    const u = centralDifference(floats(fUp), floats(fDown), step).value;
    const m = slopeAlong(point, graphs, floats(prediction), u);
    tried.ggn.push({ step, value: joined(space, await run(graphs.pull, theta, [m])) });
    if (best().every(({ quantity, error }) => error <= tolerances[quantity])) break;
  }
  const [above, below] = [
    await run(graphs.decisions, moved(theta, v, largest, at)),
    await run(graphs.decisions, moved(theta, v, -largest, at)),
  ];
  return {
    values,
    differences: best(),
    pieceError: relativeError(scalarOf(here), Float64Array.of(values.loss)),
    decisions: decided.reduce((sum, { data }) => sum + data.length, 0),
    kinks: above.reduce(
      (sum, { data }, i) => sum + data.filter((x: number, j: number) => x !== below[i]?.data[j]).length,
      0,
    ),
  };
}

/** Compiles a graph when it is first run; graphs without outputs cost nothing. */
function programs(engine: Engine, point: CheckPoint, signal: AbortSignal | undefined) {
  const made = new Map<CheckGraph, Promise<Program>>();
  return {
    async run(check: CheckGraph, theta: Vector, extra: readonly Feed[] = []): Promise<Tensor[]> {
      if (check.graph.outputs.length === 0) return [];
      const program = made.get(check) ?? engine.compile(check.graph, signal ? { signal } : {});
      made.set(check, program);
      return evaluator(await program, check, point)(theta, extra);
    },
    async [Symbol.asyncDispose]() {
      for (const program of made.values()) await program.then((p) => p[Symbol.asyncDispose]()).catch(() => undefined);
    },
  };
}

function evaluator(program: Program, { graph, extra: names }: CheckGraph, { space, feeds }: CheckPoint): Evaluate {
  return (theta, extra = []) => {
    const all = new Map<InputValue, Feed>(feeds);
    const parameters = graph.inputs.slice(graph.inputs.length - names.length - space.parameters.length);
    splitVectors(space, theta, 1, false).forEach((feed, i) => all.set(parameters[i] as InputValue, feed));
    names.forEach((input, i) => all.set(input, extra[i] as Feed));
    return program.run(all);
  };
}

/** m = d/dδ ∂ℓ/∂f (f + δ u), in float64: the loss alone. */
function slopeAlong({ slope, feeds }: CheckPoint, { binding }: CheckGraphs, f: Vector, u: Vector): Tensor {
  const { dtype, shape } = binding.prediction;
  const step = (1e-4 * Math.max(norm(f), 1)) / Math.max(norm(u), Number.MIN_VALUE);
  const at = (delta: number): Vector => {
    const all = new Map<Value, Tensor>(feeds);
    all.set(slope.inputs[0] as InputValue, { dtype, shape, data: moved(f, u, delta) });
    return floats(evaluateGraph(slope, all)[0]);
  };
  return { dtype, shape, data: centralDifference(at(step), at(-step), step).value as Float64Array };
}

function bestOf(quantity: Quantity, tried: readonly Differences[], expected: Vector): DifferenceError {
  const errors = candidates(tried, expected).map((candidate) => ({ quantity, ...candidate }));
  return errors.reduce((a, b) => (b.error < a.error ? b : a));
}

function joined(space: ParameterSpace, tensors: readonly Tensor[], out: Vector = new Float64Array(space.size)): Vector {
  out.fill(0);
  addVectors(space, out, tensors, 1, 1);
  return out;
}

const floats = (value: Tensor | undefined): Float64Array => Float64Array.from(value?.data ?? []);
const scalarOf = (value: Tensor | undefined): Float64Array => floats(value);
const numberOf = (value: Tensor | undefined): number => value?.data[0] ?? Number.NaN;
const moved = (from: Vector, along: Vector, step: number, into?: Float64Array): Float64Array =>
  combined(from, 1, along, step, into);
