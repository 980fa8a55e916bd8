/**
 * A model's file as ONNX Runtime runs it, none of our graphs in between: what its users get, and how long it takes them.
 *
 * Runs block the event loop, so that a clock around one sees nothing else.
 */
import type { InferenceSession, Tensor as OrtTensor } from "onnxruntime-node";
import { EngineError } from "../../errors.ts";
import type { Tensor } from "../../ir/tensor.ts";
import { bufferPool } from "./bufferPool.ts";
import { fedOf, type OrtResult, tensorOfResult } from "./tensors.ts";

export interface FileSession extends AsyncDisposable {
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  run(feeds: Readonly<Record<string, Tensor>>): Promise<Record<string, Tensor>>;
  /** Makes runs on feeds that are converted once; each gives its milliseconds. */
  clock(feeds: Readonly<Record<string, Tensor>>): () => Promise<number>;
}

export interface FileSessionOptions {
  /** Threads of the runtime; 1 unless said. */
  readonly threads?: number;
  /**
   * How far the runtime rewrites the graph; as far as it can unless said. "basic" where inner values are made outputs: the
   * runtime (1.30) was seen to crash on one that a fusion had swallowed.
   */
  readonly rewriting?: "basic" | "all";
}

/**
 * @param source A file's path, or its bytes where no data lie beside it.
 * @throws {EngineError} if the runtime refuses the model.
 *
 * @example
 * ```ts no-run
 * await using session = await openFileSession("model.onnx");
 * const { logits } = await session.run({ x: tensor("float32", [1, 4], [1, 2, 3, 4]) });
 * ```
 */
export async function openFileSession(
  source: string | Uint8Array,
  { threads = 1, rewriting = "all" }: FileSessionOptions = {},
): Promise<FileSession> {
  const ort = await import("onnxruntime-node");
  const options: InferenceSession.SessionOptions = {
    intraOpNumThreads: threads,
    graphOptimizationLevel: rewriting,
    interOpNumThreads: 1,
    logSeverityLevel: 3,
    extra: { session: { intra_op: { allow_spinning: "0" } } },
  };
  const session = await (typeof source === "string"
    ? ort.InferenceSession.create(source, options)
    : ort.InferenceSession.create(source, options)
  ).catch((cause: Error) => {
    throw new EngineError("Cannot run the model as ONNX Runtime refuses it", { found: cause.message }, { cause });
  });
  const pool = bufferPool(0);
  const native = (feeds: Readonly<Record<string, Tensor>>): Record<string, OrtTensor> =>
    Object.fromEntries(
      Object.entries(feeds).map(([name, tensor]) => {
        const fed = fedOf(tensor, tensor, pool);
        if ("resident" in fed) throw new Error("internal: a tensor is fed by value");
        return [name, new ort.Tensor(fed.type as "float32", fed.data as Float32Array, fed.dims)];
      }),
    );
  return {
    inputs: session.inputNames,
    outputs: session.outputNames,
    async run(feeds) {
      const results = await session.run(native(feeds));
      return Object.fromEntries(
        Object.entries(results).map(([name, value]) => [
          name,
          tensorOfResult(value as unknown as OrtResult, value.dims),
        ]),
      );
    },
    clock(feeds) {
      const prepared = native(feeds);
      return async () => {
        const start = performance.now();
        await session.run(prepared);
        return performance.now() - start;
      };
    },
    async [Symbol.asyncDispose]() {
      await session.release();
    },
  };
}
