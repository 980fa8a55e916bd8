/** ONNX Runtime's native build in worker threads: the default engine. */
import { availableParallelism } from "node:os";
import type { Engine } from "../engine.ts";
import { ortEngine } from "./ortEngine.ts";

export interface OrtNodeOptions {
  /** Worker threads with a runtime each; 1 unless said. */
  readonly lanes?: number;
  /** Threads inside each runtime; all cores divided by the lanes unless said. */
  readonly threads?: number;
  /** Execution providers by ONNX Runtime's names, in order of preference: "cpu", "cuda", "webgpu", "coreml", … */
  readonly executionProviders?: readonly string[];
  /** Let idle runtime threads spin: faster for one large graph on a quiet machine, slower otherwise. */
  readonly allowSpinning?: boolean;
}

/**
 * @example
 * ```ts no-run
 * await using engine = ortNodeEngine({ threads: 2 });
 * const program = await engine.compile(graph);
 * const [y] = await program.run(new Map([[x, tensor("float32", [2], [1, 2])]]));
 * ```
 */
export function ortNodeEngine({ allowSpinning = false, ...options }: OrtNodeOptions = {}): Engine {
  const lanes = options.lanes ?? 1;
  return ortEngine({
    name: "ort-node",
    module: "onnxruntime-node",
    lanes,
    threads: options.threads ?? Math.max(1, Math.floor(availableParallelism() / lanes)),
    providers: options.executionProviders ?? ["cpu"],
    session: { extra: { session: { intra_op: { allow_spinning: allowSpinning ? "1" : "0" } } } },
    settings: { spinning: String(allowSpinning) },
  });
}
