/** The reference engine: float64, one operator after another, obvious. The oracle of every other engine. */
import { UsageError } from "../../errors.ts";
import type { Graph, InputValue, Value } from "../../ir/graph.ts";
import { sizeOf } from "../../ir/shape.ts";
import type { Tensor } from "../../ir/tensor.ts";
import type { Engine, Feed, Pieces, Program, Resident, RunOptions } from "../engine.ts";
import { feedsInOrder } from "../feeds.ts";
import { evaluateGraph } from "./interpreter.ts";

/**
 * An engine that interprets graphs in float64 on the calling thread.
 *
 * @example
 * ```ts no-run
 * await using engine = referenceEngine();
 * const program = await engine.compile(graph);
 * ```
 */
export function referenceEngine(): Engine {
  const residents = new Map<number, Tensor>();
  let next = 0;
  const keep = (value: Tensor): Resident => {
    residents.set(next, value);
    return { resident: next++, lane: 0, bytes: value.data.byteLength };
  };
  const tensorOf = (feed: Feed): Tensor => {
    if ("pieces" in feed) return joined(feed);
    if (!("resident" in feed)) return feed;
    const value = residents.get(feed.resident);
    if (!value) throw new UsageError("Cannot feed a resident tensor as it was released");
    return value;
  };
  return {
    name: "reference",
    precision: "float64",
    lanes: 1,
    settings: { engine: "reference", precision: "float64" },
    compile: (graph, { fixed } = {}) => Promise.resolve(program(graph, fixed ?? new Map(), tensorOf, keep)),
    upload: (value) => Promise.resolve(keep(value)),
    release(list) {
      for (const { resident } of list) residents.delete(resident);
      return Promise.resolve();
    },
    [Symbol.asyncDispose]() {
      residents.clear();
      return Promise.resolve();
    },
  };
}

function joined({ dtype, shape, pieces }: Pieces): Tensor {
  const data = new Float64Array(sizeOf(shape));
  let at = 0;
  for (const piece of pieces) {
    data.set(piece, at);
    at += piece.length;
  }
  return { dtype, shape, data };
}

function program(
  graph: Graph,
  fixed: ReadonlyMap<InputValue, Tensor>,
  tensorOf: (feed: Feed) => Tensor,
  keep: (value: Tensor) => Resident,
): Program {
  const run = (feeds: ReadonlyMap<InputValue, Feed>, { signal }: RunOptions = {}): Tensor[] => {
    signal?.throwIfAborted();
    const all = new Map<InputValue, Feed>([...fixed, ...feeds]);
    const list = feedsInOrder(graph.inputs, all).map(tensorOf);
    return evaluateGraph(graph, new Map<Value, Tensor>(graph.inputs.map((input, i) => [input, list[i]!])));
  };
  return {
    graph,
    run: async (feeds, options) => run(feeds, options),
    runResident: async (feeds, options) => run(feeds, options).map(keep),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}
