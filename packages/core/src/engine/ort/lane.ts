/** One worker thread with ONNX Runtime in it, and the requests under way. */
import { Worker } from "node:worker_threads";
import { EngineError } from "../../errors.ts";
import type { BufferPool } from "./bufferPool.ts";

export interface Lane {
  /** Sends a request and waits for its answer. Buffers in `transfer` are handed over. */
  ask<T>(request: Readonly<Record<string, unknown>>, transfer?: readonly ArrayBufferLike[]): Promise<T>;
  close(): Promise<void>;
}

interface Answer {
  readonly id: number;
  readonly value?: unknown;
  readonly error?: string;
  /** Buffers of the request that are no longer needed. */
  readonly spent?: readonly ArrayBuffer[];
}

interface Waiting {
  resolve(value: unknown): void;
  reject(error: Error): void;
}

/** What a lane loads, and the options of every session. */
export interface LaneRuntime {
  readonly module: string;
  readonly threads: number;
  readonly session: Readonly<Record<string, unknown>>;
  /** Whether the runtime writes outputs into memory that it is given. */
  readonly intoMemory: boolean;
}

/** Starts a lane. It does not keep the process alive while nothing is asked of it. */
export function startLane(runtime: LaneRuntime, pool: BufferPool): Lane {
  const worker = new Worker(new URL("./worker.mjs", import.meta.url), { workerData: runtime });
  worker.unref();
  const waiting = new Map<number, Waiting>();
  let next = 0;
  const settle = (id: number): Waiting | undefined => {
    const entry = waiting.get(id);
    waiting.delete(id);
    if (waiting.size === 0) worker.unref();
    return entry;
  };
  worker.on("message", ({ id, value, error, spent }: Answer) => {
    if (spent) pool.give(spent);
    const entry = settle(id);
    if (error === undefined) entry?.resolve(value);
    else entry?.reject(new EngineError("Cannot run on ONNX Runtime as it reported an error", { found: error }));
  });
  worker.on("error", (cause) => {
    for (const id of [...waiting.keys()]) {
      settle(id)?.reject(
        new EngineError("Cannot run on ONNX Runtime as its thread failed", { found: cause.message }, { cause }),
      );
    }
  });
  return {
    ask<T>(request: Readonly<Record<string, unknown>>, transfer: readonly ArrayBufferLike[] = []): Promise<T> {
      const id = next++;
      worker.ref();
      return new Promise<T>((resolve, reject) => {
        waiting.set(id, { resolve: resolve as (value: unknown) => void, reject });
        worker.postMessage({ id, ...request }, transfer as ArrayBuffer[]);
      });
    },
    async close() {
      // Terminating a worker inside run() aborts the whole process: let it finish first.
      await Promise.allSettled([...waiting.values()].map(() => this.ask({ kind: "release", list: [] })));
      await worker.terminate();
    },
  };
}
