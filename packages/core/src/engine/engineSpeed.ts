/**
 * How fast an engine is here and now, measured in some tenths of a second: what a forecast of running times stands on.
 */
import { GraphBuilder, graphOf } from "../ir/builder.ts";
import type { Graph, Value } from "../ir/graph.ts";
import type { Tensor } from "../ir/tensor.ts";
import type { Engine } from "./engine.ts";
import { evaluateOp } from "./reference/kernels.ts";

export interface EngineSpeed {
  /** Floating-point operations a second in matrix products. */
  readonly productFlops: number;
  /** Elements a second through an elementwise operator. */
  readonly elementFlops: number;
  /** Seconds that a run takes beside its arithmetic. */
  readonly runSeconds: number;
}

interface Sizes {
  readonly side: number;
  readonly elements: number;
  readonly steps: number;
}

const sizes = {
  float32: { side: 384, elements: 2 ** 19, steps: 8 },
  float64: { side: 64, elements: 2 ** 14, steps: 2 }, // the interpreter
} satisfies Record<Engine["precision"], Sizes>;

const repeats = 3;

/** The best of a few runs of a chain of products, a chain of sums, and a graph that does nothing. */
export async function engineSpeed(engine: Engine): Promise<EngineSpeed> {
  const { side, elements, steps } = sizes[engine.precision];
  const runSeconds = await fastest(
    engine,
    chain([1], 1, (g, x) => g.neg(x)),
  );
  const products = await fastest(
    engine,
    chain([side, side], steps, (g, x, first) => g.matmul(x, first)),
  );
  const sums = await fastest(
    engine,
    chain([elements], steps, (g, x, first) => g.unary("Sigmoid", g.add(x, first))),
  );
  const rate = (work: number, seconds: number): number => work / Math.max(seconds - runSeconds, 1e-6);
  return {
    productFlops: rate(steps * 2 * side ** 3, products),
    elementFlops: rate(steps * 2 * elements, sums),
    runSeconds,
  };
}

/** A step repeated, then one number, so that no time goes into moving results. */
function chain(
  shape: readonly number[],
  steps: number,
  step: (g: GraphBuilder, x: Value, first: Value) => Value,
): Graph {
  const g = new GraphBuilder(evaluateOp);
  const input = g.input("x", "float32", [1]);
  const first = g.expand(input, shape);
  let x: Value = first;
  for (let i = 0; i < steps; i++) x = step(g, x, first);
  return graphOf([input], [g.total(x)]);
}

async function fastest(engine: Engine, graph: Graph): Promise<number> {
  await using program = await engine.compile(graph);
  const x: Tensor = { dtype: "float32", shape: [1], data: Float32Array.of(1e-3) };
  let best = Number.POSITIVE_INFINITY;
  for (let i = 0; i <= repeats; i++) {
    const start = performance.now();
    await program.run(new Map(graph.inputs.map((input) => [input, x])));
    if (i > 0) best = Math.min(best, (performance.now() - start) / 1000); // the first run warms up
  }
  return best;
}
