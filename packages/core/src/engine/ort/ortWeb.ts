/**
 * ONNX Runtime's WebAssembly build in worker threads: slower than the native one by three to five times, and the same that
 * runs in browsers.
 *
 * Inputs are copied into its memory, 4 GiB at most, and outputs out of it: it ignores memory that is given for them.
 */
import { availableParallelism } from "node:os";
import type { Engine } from "../engine.ts";
import { ortEngine } from "./ortEngine.ts";

export interface OrtWebOptions {
  /** Worker threads with a runtime each; 1 unless said. */
  readonly lanes?: number;
  /** Threads inside each runtime; all cores divided by the lanes unless said. */
  readonly threads?: number;
  /** "wasm" unless said; "webgpu" and "webnn" where there is one. */
  readonly executionProviders?: readonly string[];
}

/**
 * @example
 * ```ts no-run
 * await using engine = ortWebEngine();
 * const problem = await createProblem({ model: "model.onnx", data, loss: crossEntropy(), engine });
 * ```
 */
export function ortWebEngine(options: OrtWebOptions = {}): Engine {
  const lanes = options.lanes ?? 1;
  return ortEngine({
    name: "ort-web",
    module: "onnxruntime-web",
    lanes,
    threads: options.threads ?? Math.max(1, Math.floor(availableParallelism() / lanes)),
    providers: options.executionProviders ?? ["wasm"],
    session: {},
    settings: {},
  });
}
