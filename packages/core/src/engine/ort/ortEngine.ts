/**
 * ONNX Runtime in worker threads, whichever of its builds: native or WebAssembly.
 *
 * A program is encoded once and loaded on a lane when it first runs there. Every lane has a copy of what is fixed, so
 * memory grows with the number of lanes; by default there is one, which uses all cores.
 */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { EngineError, UsageError } from "../../errors.ts";
import { GraphBuilder } from "../../ir/builder.ts";
import type { Graph, InputValue, Value } from "../../ir/graph.ts";
import { rewrite } from "../../ir/rewrite.ts";
import { sizeOf } from "../../ir/shape.ts";
import type { Tensor } from "../../ir/tensor.ts";
import { type EncodedModel, encodeModel } from "../../onnx/encode.ts";
import type { CompileOptions, Engine, Feed, Program, Resident, RunOptions } from "../engine.ts";
import { feedsInOrder } from "../feeds.ts";
import { evaluateOp } from "../reference/kernels.ts";
import { type BufferPool, bufferPool } from "./bufferPool.ts";
import { type Lane, startLane } from "./lane.ts";
import { fedOf, type OrtResult, tensorOfResult, transferOf } from "./tensors.ts";

/** Which build of the runtime, and how it is started. */
export interface Runtime {
  /** The engine's name. */
  readonly name: string;
  readonly module: "onnxruntime-node" | "onnxruntime-web";
  readonly lanes: number;
  readonly threads: number;
  readonly providers: readonly string[];
  /** Session options in ONNX Runtime's own form, beside threads and providers. */
  readonly session: Readonly<Record<string, unknown>>;
  /** For the record of a result, beside what every engine records. */
  readonly settings: Readonly<Record<string, string | number>>;
}

/** Bytes of feed buffers that an engine keeps for later runs. */
const poolBytes = 2 ** 28;

/** Graphs with more nodes than this compile in seconds with the runtime's optimiser, in fractions of one without. */
const optimisedNodes = 4000;

/** From the package's description, which onnxruntime-web does not export. */
function versionOf(module: Runtime["module"]): string {
  const entry = createRequire(import.meta.url).resolve(module); // …/dist/….js
  const description = readFileSync(join(dirname(entry), "../package.json"), "utf8");
  return (JSON.parse(description) as { version: string }).version;
}

export function ortEngine({ name, module, lanes, threads, providers, session: own, settings }: Runtime): Engine {
  const session = {
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    executionProviders: providers,
    logSeverityLevel: 3,
    ...own,
  };
  const pool = bufferPool(poolBytes);
  const started: (Lane | undefined)[] = new Array(lanes).fill(undefined);
  let released = false;
  const laneAt = (i: number): Lane => {
    if (released) throw new UsageError("Cannot run on the engine as it was released");
    started[i] ??= startLane({ module, threads, session, intoMemory: module === "onnxruntime-node" }, pool);
    return started[i];
  };
  return {
    name,
    precision: "float32",
    lanes,
    settings: {
      engine: name,
      onnxruntime: versionOf(module),
      precision: "float32",
      lanes,
      threads,
      providers: providers.join(","),
      ...settings,
    },
    compile: (graph, compile) => compileProgram(graph, compile ?? {}, laneAt, pool, providers),
    async upload(value, lane) {
      const resident = nextId++;
      const fed = fedOf(value, value, pool);
      await laneAt(lane).ask({ kind: "upload", resident, fed }, transferOf([fed]));
      return { resident, lane, bytes: sizeOf(value.shape) * 4 };
    },
    async release(list) {
      for (const lane of new Set(list.map((r) => r.lane))) {
        const mine = list.filter((r) => r.lane === lane).map((r) => r.resident);
        await started[lane]?.ask({ kind: "release", list: mine });
      }
    },
    recycle(list) {
      const mine = list.flatMap(({ data }) => (data instanceof Float32Array ? data.buffer : []));
      pool.give(mine.filter((buffer) => buffer instanceof ArrayBuffer && buffer.byteLength > 0) as ArrayBuffer[]);
    },
    async [Symbol.asyncDispose]() {
      released = true;
      const open = started.filter((lane) => lane !== undefined);
      started.fill(undefined);
      await Promise.all(open.map((lane) => lane.close()));
    },
  };
}

/** Programs and residents are numbered across engines, so that a stray one is never another's. */
let nextId = 0;

function compileProgram(
  graph: Graph,
  { fixed, signal }: CompileOptions,
  laneAt: (i: number) => Lane,
  pool: BufferPool,
  providers: readonly string[],
): Promise<Program> {
  signal?.throwIfAborted();
  const bound = fixed ? withFixed(graph, fixed) : graph;
  const { bytes, inputs, outputs, results } = encodeModel(new GraphBuilder(evaluateOp), bound, { flatOutputs: true });
  const optimise = bound.nodes.length <= optimisedNodes;
  const id = nextId++;
  const loaded = new Map<number, Promise<unknown>>();
  const load = (lane: number): Promise<unknown> => {
    const loading =
      loaded.get(lane) ?? laneAt(lane).ask({ kind: "create", program: id, model: bytes, inputs, outputs, optimise });
    loaded.set(lane, loading);
    return loading;
  };
  const ask = async <T>(
    feeds: ReadonlyMap<InputValue, Feed>,
    { lane = 0, signal: abort }: RunOptions,
    keep?: readonly number[],
  ): Promise<T> => {
    abort?.throwIfAborted();
    const list = feedsInOrder(bound.inputs, feeds).map((feed, i) => fedOf(bound.inputs[i]!, feed, pool));
    // A lane works in order: the run may be asked for while the program is still loading.
    const loading = load(lane);
    const into = keep ? [] : results.map((result) => usedMemory(result, pool));
    const transfer = [...transferOf(list), ...into.flatMap((memory) => memory?.buffer ?? [])];
    const running = laneAt(lane).ask<T>({ kind: "run", program: id, feeds: list, keep, into }, transfer);
    const [, result] = await Promise.all([loading, running]);
    return result;
  };
  const program: Program = {
    graph,
    async run(feeds, options = {}) {
      const results = await ask<OrtResult[]>(feeds, options);
      return results.map((result, i) => tensorOfResult(result, bound.outputs[i]!.shape));
    },
    async runResident(feeds, options = {}) {
      const keep = bound.outputs.map(() => nextId++);
      const bytes = await ask<number[]>(feeds, options, keep);
      return keep.map((resident, i): Resident => ({ resident, lane: options.lane ?? 0, bytes: bytes[i]! }));
    },
    async [Symbol.asyncDispose]() {
      // An engine that was released first has let its programs go.
      await Promise.allSettled([...loaded.keys()].map(async (lane) => laneAt(lane).ask({ kind: "drop", program: id })));
      loaded.clear();
    },
  };
  return load(0).then(
    () => program,
    (cause: Error) => {
      throw refused(cause, providers);
    },
  );
}

/** Recycled memory for an output, if there is some of its size. */
function usedMemory(
  { dtype, shape }: EncodedModel["results"][number],
  pool: BufferPool,
): { readonly dims: readonly number[]; readonly buffer: ArrayBuffer } | null {
  const buffer = dtype === "float32" ? pool.takeUsed(4 * sizeOf(shape)) : undefined;
  return buffer ? { dims: shape, buffer } : null;
}

/** The runtime's reason; where it has not got a provider, that is the reason. */
function refused(cause: Error, providers: readonly string[]): EngineError {
  const found = String((cause instanceof EngineError && cause.facts.found) || cause.message).trim();
  const started = /provider|backend|adapter/i.test(found) && providers.some((name) => !always.includes(name));
  return started
    ? new EngineError(
        "Cannot start ONNX Runtime as an execution provider is not available here",
        { at: providers.join(", "), found, try: "install what the provider needs, or leave it out to run on the CPU" },
        { cause },
      )
    : new EngineError("Cannot compile the graph as ONNX Runtime refuses it", { found }, { cause });
}

/** Providers that every build has. */
const always: readonly string[] = ["cpu", "wasm"];

/** `graph` with inputs replaced by what they will always be. */
function withFixed(graph: Graph, fixed: ReadonlyMap<InputValue, Tensor>): Graph {
  const g = new GraphBuilder(evaluateOp);
  const replace = new Map<Value, Value>(
    [...fixed].map(([input, value]) => [input, g.constantTensor({ ...value, dtype: input.dtype })]),
  );
  return rewrite(g, graph, { replace, inputs: graph.inputs.filter((input) => !fixed.has(input)) });
}
