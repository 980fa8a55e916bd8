/** Calls to the compiled kernels (kernels/): at once on this thread, or on a worker where they would take long. */
import { EngineError } from "../errors.ts";
import { runInPool } from "./densePool.ts";
import { callKernel, type KernelAnswer, type KernelCall } from "./kernels/instance.mjs";

export type { KernelAnswer, KernelCall } from "./kernels/instance.mjs";

/** Where dense factorisations run. */
export interface DenseOptions {
  /** Stops the work: the promise rejects with the signal's reason. */
  readonly signal?: AbortSignal;
  /** How many worker threads work side by side; one a processor, at most 8, unless said. */
  readonly workers?: number;
}

/** Work, in floating-point operations, up to which a call runs inline: some 2 ms. */
export const inlineLimit = 2e7;

/** The answer, computed on the calling thread. */
export function runKernelSync(call: KernelCall): KernelAnswer {
  try {
    return callKernel(call);
  } catch (cause) {
    throw memoryError(call, String(cause), cause);
  }
}

/** The answer, computed inline if `flops` is small, else on a worker. */
export async function runKernel(call: KernelCall, flops: number, options: DenseOptions = {}): Promise<KernelAnswer> {
  options.signal?.throwIfAborted();
  if (flops <= inlineLimit) return runKernelSync(call);
  const message = await runInPool(call, options);
  if ("failure" in message) throw memoryError(call, message.failure);
  return message.reply;
}

function memoryError({ kernel, sizes }: KernelCall, found: string, cause?: unknown): EngineError {
  return new EngineError(
    `Cannot compute ${kernel} as the kernel stopped`,
    { at: `sizes ${sizes.join(", ")}`, found, try: "a smaller matrix: all work arrays together must fit 4 GiB" },
    { cause },
  );
}
