// @ts-check
/**
 * A lane: the thread in which ONNX Runtime runs, because run() blocks whatever thread it is on.
 *
 * Requests come as { id, kind, … } and are answered in order by { id, value } or { id, error }. Plain JavaScript, so that
 * it loads the same from source and from the built package.
 */
import { parentPort, workerData } from "node:worker_threads";

/** @type {typeof import("onnxruntime-node")} */
const ort = await import(workerData.module);
ort.env.wasm.numThreads = workerData.threads; // of the WebAssembly build; the native one has them in its sessions

/** The native build leaves out providers that it does not know, with a warning at most. */
function requireProviders() {
  const known = ort.listSupportedBackends?.().map(({ name }) => name);
  /** @type {string[]} */
  const asked = workerData.session.executionProviders;
  const unknown = known && asked.find((name) => !known.includes(name));
  if (unknown) throw new Error(`provider "${unknown}" is none of ${known.join(", ")}`);
}

/** @typedef {{ type: string, dims: readonly number[], data: any } | { resident: number }} Fed */

/** @type {Map<number, { session: ort.InferenceSession, inputs: string[], outputs: string[] }>} */
const programs = new Map();
/** @type {Map<number, ort.Tensor>} */
const residents = new Map();

/** @param {Fed} fed @returns {ort.Tensor} */
function tensorOf(fed) {
  if ("resident" in fed) {
    const value = residents.get(fed.resident);
    if (!value) throw new Error("a resident tensor was released");
    return value;
  }
  return new ort.Tensor(/** @type {any} */ (fed.type), fed.data, fed.dims);
}

/**
 * Outputs, each into the memory that is given for it.
 *
 * @param {readonly string[]} outputs
 * @param {readonly ({ dims: readonly number[], buffer: ArrayBuffer } | null)[]} into
 */
function fetchesInto(outputs, into) {
  return Object.fromEntries(
    outputs.map((name, i) => {
      const memory = into[i];
      return [name, memory ? new ort.Tensor("float32", new Float32Array(memory.buffer), memory.dims) : null];
    }),
  );
}

/** @type {Record<string, (request: any) => Promise<{ value?: any, spent?: any[], transfer?: any[] }>>} */
const handlers = {
  async create({ program, model, inputs, outputs, optimise }) {
    requireProviders();
    const options = { ...workerData.session, graphOptimizationLevel: optimise ? "all" : "disabled" };
    const session = await ort.InferenceSession.create(model, options);
    programs.set(program, { session, inputs, outputs });
    return {};
  },
  async run({ program, feeds, keep, into }) {
    const { session, inputs, outputs } = /** @type {any} */ (programs.get(program));
    /** @type {Record<string, ort.Tensor>} */
    const named = {};
    inputs.forEach((/** @type {string} */ name, /** @type {number} */ i) => {
      named[name] = tensorOf(feeds[i]);
    });
    const fetches = workerData.intoMemory && into.some(Boolean) ? fetchesInto(outputs, into) : outputs;
    const results = await session.run(named, fetches);
    const list = outputs.map((/** @type {string} */ name) => results[name]);
    if (keep) {
      list.forEach((/** @type {ort.Tensor} */ value, /** @type {number} */ i) => {
        residents.set(keep[i], value);
      });
      return { value: list.map((/** @type {ort.Tensor} */ value) => value.size * 4) };
    }
    // The runtime's own buffers and the feeds' are handed over: nothing is copied.
    const value = list.map(({ type, data }) => ({ type, data }));
    const spent = feeds.flatMap((/** @type {Fed} */ fed) => ("data" in fed ? [fed.data.buffer] : []));
    return { value, spent, transfer: [...value.map(({ data }) => data.buffer), ...spent] };
  },
  async upload({ resident, fed }) {
    residents.set(resident, tensorOf(fed));
    return {};
  },
  async release({ list }) {
    for (const id of list) {
      residents.get(id)?.dispose();
      residents.delete(id);
    }
    return {};
  },
  async drop({ program }) {
    await programs.get(program)?.session.release();
    programs.delete(program);
    return {};
  },
};

const port = /** @type {import("node:worker_threads").MessagePort} */ (parentPort);
let queue = Promise.resolve();
port.on("message", (request) => {
  queue = queue.then(async () => {
    try {
      const { value, spent, transfer } = await /** @type {any} */ (handlers[request.kind])(request);
      port.postMessage({ id: request.id, value, spent }, transfer ?? []);
    } catch (error) {
      port.postMessage({ id: request.id, error: error instanceof Error ? error.message : String(error) });
    }
  });
});
