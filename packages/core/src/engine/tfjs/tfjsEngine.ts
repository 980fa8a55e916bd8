/**
 * TensorFlow.js as an engine: one adapter of the core vocabulary to its operators, for any of its backends.
 *
 * It is no dependency: it is loaded when this engine is asked for. Floats are float32, integers int32. Programs run on the
 * calling thread, which is given back every few milliseconds between operators.
 */
import { EngineError, UsageError } from "../../errors.ts";
import type { Dtype } from "../../ir/dtype.ts";
import { isFloat } from "../../ir/dtype.ts";
import type { AnyNode, Graph, InputValue, Value } from "../../ir/graph.ts";
import { type Shape, sizeOf } from "../../ir/shape.ts";
import type { NumericArray, Tensor } from "../../ir/tensor.ts";
import type { Engine, Feed, Program, Resident, RunOptions } from "../engine.ts";
import { feedsInOrder } from "../feeds.ts";
import { type Result, type Tf, type TfKernel, type TfTensor, tfDtype } from "./kernel.ts";
import { kernels } from "./kernels.ts";
import { loadTfjs, type TfjsBackend } from "./load.ts";

export interface TfjsOptions {
  /** "node" unless said: @tensorflow/tfjs-node-gpu, or else @tensorflow/tfjs-node. */
  readonly backend?: TfjsBackend;
}

/**
 * @throws {EngineError} if TensorFlow.js or its backend is not installed.
 *
 * @example
 * ```ts no-run
 * await using engine = await tfjsEngine({ backend: "wasm" });
 * const problem = await createProblem({ model: "model.onnx", data, loss: crossEntropy(), engine });
 * ```
 */
export async function tfjsEngine({ backend = "node" }: TfjsOptions = {}): Promise<Engine> {
  const tf = await loadTfjs(backend);
  const residents = new Map<number, TfTensor>();
  let next = 0;
  const keep = (value: TfTensor): Resident => {
    residents.set(next, value);
    return { resident: next++, lane: 0, bytes: 4 * value.size };
  };
  return {
    name: "tfjs",
    precision: "float32",
    lanes: 1,
    settings: { engine: "tfjs", tfjs: tf.version_core, backend: tf.getBackend(), precision: "float32" },
    compile: async (graph, { fixed = new Map() } = {}) => program(tf, graph, fixed, residents, keep),
    upload: async (value) => keep(uploaded(tf, value.dtype, value.shape, [value.data])),
    async release(list) {
      for (const { resident } of list) {
        residents.get(resident)?.dispose();
        residents.delete(resident);
      }
    },
    async [Symbol.asyncDispose]() {
      for (const value of residents.values()) value.dispose();
      residents.clear();
    },
  };
}

/** The pieces one after another, the rest 0. */
function uploaded(tf: Tf, dtype: Dtype, shape: Shape, pieces: readonly NumericArray[]): TfTensor {
  const size = sizeOf(shape);
  const data = isFloat(dtype) ? new Float32Array(size) : new Int32Array(size);
  let at = 0;
  for (const piece of pieces) {
    data.set(piece, at);
    at += piece.length;
  }
  if (!isFloat(dtype)) refuseLarge(dtype, data as Int32Array, pieces);
  const list = dtype === "bool" ? Uint8Array.from(data) : data;
  return tf.tensor(list, [...shape], tfDtype(dtype));
}

/** Integers beyond 32 bits would wrap around. */
function refuseLarge(dtype: Dtype, stored: Int32Array, pieces: readonly NumericArray[]): void {
  let at = 0;
  for (const piece of pieces) {
    for (const value of piece) {
      if (stored[at++] === value) continue;
      throw new EngineError("Cannot hold an integer on TensorFlow.js as its integers have 32 bits", {
        at: `${dtype} tensor`,
        found: value,
      });
    }
  }
}

/** Milliseconds of operators until the thread is given back. */
const turn = 20;

function program(
  tf: Tf,
  graph: Graph,
  fixed: ReadonlyMap<InputValue, Tensor>,
  residents: ReadonlyMap<number, TfTensor>,
  keep: (value: TfTensor) => Resident,
): Program {
  const constants = new Map<Value, TfTensor>();
  for (const node of graph.nodes) {
    if (node.op !== "Constant") continue;
    const { dtype, shape, data } = node.attrs.value;
    constants.set(node, uploaded(tf, dtype, shape, [data]));
  }
  for (const [input, { dtype, shape, data }] of fixed) constants.set(input, uploaded(tf, dtype, shape, [data]));
  const lastUse = lastUses(graph);

  const fed = (input: InputValue, feed: Feed): TfTensor => {
    if (!("resident" in feed))
      return uploaded(tf, input.dtype, input.shape, "pieces" in feed ? feed.pieces : [feed.data]);
    const value = residents.get(feed.resident);
    if (!value) throw new UsageError("Cannot feed a resident tensor as it was released");
    return tf.clone(value);
  };

  const evaluate = async (feeds: ReadonlyMap<InputValue, Feed>, signal?: AbortSignal): Promise<TfTensor[]> => {
    signal?.throwIfAborted();
    const open = graph.inputs.filter((input) => !fixed.has(input));
    const values = new Map<Value, TfTensor>();
    try {
      feedsInOrder(open, feeds).forEach((feed, i) => values.set(open[i]!, fed(open[i]!, feed)));
      const of = (value: Value): TfTensor => constants.get(value) ?? values.get(value)!;
      let started = performance.now();
      for (const [i, node] of graph.nodes.entries()) {
        if (node.op === "Constant") continue;
        values.set(node, apply(tf, node, node.inputs.map(of)));
        for (const done of lastUse.get(i) ?? []) drop(values, done);
        if (performance.now() - started < turn) continue;
        await new Promise((resolve) => setImmediate(resolve));
        signal?.throwIfAborted();
        started = performance.now();
      }
      return graph.outputs.map((output) => tf.clone(of(output)));
    } finally {
      for (const value of values.values()) value.dispose();
    }
  };

  return {
    graph,
    async run(feeds, { signal }: RunOptions = {}) {
      const outputs = await evaluate(feeds, signal);
      try {
        return await Promise.all(outputs.map((value, i) => read(value, graph.outputs[i]!)));
      } finally {
        for (const value of outputs) value.dispose();
      }
    },
    runResident: async (feeds, { signal }: RunOptions = {}) => (await evaluate(feeds, signal)).map(keep),
    async [Symbol.asyncDispose]() {
      for (const value of constants.values()) value.dispose();
      constants.clear();
    },
  };
}

/** For each node, by its place, the values that nothing after it needs. */
function lastUses({ nodes, outputs }: Graph): ReadonlyMap<number, Value[]> {
  const last = new Map<Value, number>();
  nodes.forEach((node, i) => {
    last.set(node, i);
    for (const input of node.inputs) last.set(input, i);
  });
  for (const output of outputs) last.delete(output);
  const at = new Map<number, Value[]>();
  for (const [value, i] of last) at.set(i, [...(at.get(i) ?? []), value]);
  return at;
}

function drop(values: Map<Value, TfTensor>, value: Value): void {
  values.get(value)?.dispose();
  values.delete(value);
}

function apply(tf: Tf, node: Exclude<AnyNode, { op: "Constant" }>, inputs: readonly TfTensor[]): TfTensor {
  const kernel = kernels[node.op] as unknown as TfKernel<typeof node.op>;
  const result: Result = { dtype: node.dtype, shape: node.shape };
  try {
    return tf.tidy(() => {
      const value = kernel(tf, inputs, node.attrs as never, result);
      const wanted = tfDtype(node.dtype);
      return value.dtype === wanted ? value : tf.cast(value, wanted);
    });
  } catch (cause) {
    throw new EngineError(
      `Cannot run ${node.op} on TensorFlow.js as its backend does not`,
      {
        at: node.origin ? `node "${node.origin.node}" (${node.origin.opType})` : `value "${node.name}"`,
        found: cause instanceof Error ? cause.message : String(cause),
        try: "the engine ort-node",
      },
      { cause },
    );
  }
}

async function read(value: TfTensor, { dtype, shape }: Value): Promise<Tensor> {
  const data = await value.data();
  return { dtype, shape, data: isFloat(dtype) || dtype === "bool" ? data : Float64Array.from(data) };
}
