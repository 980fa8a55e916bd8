/**
 * Worker threads for dense kernels, started when first needed and kept for the next call.
 *
 * A worker runs one call at a time. An idle worker does not keep the process alive. Cancelling terminates the worker
 * that runs the call (it holds nothing but WebAssembly), and another takes its place.
 */
import { EngineError } from "../errors.ts";
import type { KernelAnswer, KernelCall } from "./kernels/instance.mjs";

export type PoolMessage = { readonly reply: KernelAnswer } | { readonly failure: string };

interface PoolOptions {
  readonly signal?: AbortSignal;
  readonly workers?: number;
}

interface Job {
  readonly call: KernelCall;
  readonly signal: AbortSignal | undefined;
  readonly settle: (message: PoolMessage) => void;
  readonly reject: (reason: unknown) => void;
  /** Called as the job leaves the queue. */
  readonly started: () => void;
}

/** A worker as both Node and browsers have it. */
interface Hand {
  /** Whether it still runs: one may end, by itself or by the system, while it is idle. */
  alive(): boolean;
  post(call: KernelCall): void;
  listen(job: Job | undefined): void;
  terminate(): void;
}

const most = 8;
const idle: Hand[] = [];
const waiting: Job[] = [];
let busy = 0;
let limit = 0;

/** Runs a call on a worker. */
export function runInPool(call: KernelCall, { signal, workers }: PoolOptions): Promise<PoolMessage> {
  return new Promise((settle, reject) => {
    const leave = (): void => {
      waiting.splice(waiting.indexOf(job), 1);
      reject(signal?.reason);
    };
    const job: Job = { call, signal, settle, reject, started: () => signal?.removeEventListener("abort", leave) };
    waiting.push(job);
    signal?.addEventListener("abort", leave, { once: true });
    void startWaiting(workers).catch(reject);
  });
}

/** Runs one task an item, at most `workers` at a time, and returns the results in order. */
export async function sideBySide<Item, Result>(
  items: readonly Item[],
  workers: number,
  task: (item: Item) => Promise<Result>,
): Promise<Result[]> {
  const results = new Array<Result>(items.length);
  const queue = items.entries();
  const lane = async (): Promise<void> => {
    for (const [i, item] of queue) results[i] = await task(item);
  };
  await Promise.all(Array.from({ length: Math.min(workers, items.length) }, lane));
  return results;
}

/** One a processor, at most 8. */
export async function defaultWorkers(): Promise<number> {
  const browser = globalThis as { readonly navigator?: { readonly hardwareConcurrency?: number } };
  const processors = isNode()
    ? (await import("node:os")).availableParallelism()
    : browser.navigator?.hardwareConcurrency;
  return Math.max(1, Math.min(most, processors ?? 1));
}

async function startWaiting(workers: number | undefined): Promise<void> {
  limit = Math.max(limit, workers ?? (await defaultWorkers()));
  while (busy < limit) {
    const job = waiting.shift();
    if (job === undefined) return;
    job.started();
    busy++;
    void takeHand().then(
      (hand) => runJob(job, hand),
      (reason: unknown) => {
        busy--;
        job.reject(reason);
        void startWaiting(limit);
      },
    );
  }
}

/** An idle worker that still runs, or a new one. */
async function takeHand(): Promise<Hand> {
  for (let hand = idle.pop(); hand !== undefined; hand = idle.pop()) if (hand.alive()) return hand;
  return startHand();
}

function runJob(job: Job, hand: Hand): void {
  let finished = false;
  const finish = (reusable: boolean): void => {
    if (finished) return;
    finished = true;
    job.signal?.removeEventListener("abort", abort);
    hand.listen(undefined);
    if (reusable) idle.push(hand);
    else hand.terminate();
    busy--;
    void startWaiting(limit);
  };
  const abort = (): void => {
    finish(false);
    job.reject(job.signal?.reason);
  };
  if (job.signal?.aborted) {
    abort();
    return;
  }
  job.signal?.addEventListener("abort", abort, { once: true });
  hand.listen({
    ...job,
    settle(message) {
      finish(true);
      job.settle(message);
    },
    reject(reason) {
      finish(false);
      job.reject(reason);
    },
  });
  hand.post(job.call);
}

function isNode(): boolean {
  return typeof process !== "undefined" && process.versions?.node !== undefined;
}

async function startHand(): Promise<Hand> {
  const url = new URL("./kernels/worker.mjs", import.meta.url);
  return isNode() ? nodeHand(url) : webHand(url);
}

async function nodeHand(url: URL): Promise<Hand> {
  const { Worker } = await import("node:worker_threads");
  const worker = new Worker(url);
  worker.unref();
  let job: Job | undefined;
  let running = true;
  worker.on("message", (message: PoolMessage) => job?.settle(message));
  worker.on("error", (cause) => job?.reject(workerError(cause)));
  worker.on("exit", (code) => {
    running = false;
    job?.reject(workerError(`exit code ${code}`));
  });
  return {
    alive: () => running,
    post: (call) => worker.postMessage(call),
    listen(next) {
      job = next;
      if (next) worker.ref();
      else worker.unref();
    },
    terminate: () => void worker.terminate(),
  };
}

function webHand(url: URL): Hand {
  const worker = new Worker(url, { type: "module" });
  let job: Job | undefined;
  worker.onmessage = ({ data }: { data: PoolMessage }) => job?.settle(data);
  worker.onerror = (event: { message: string }) => job?.reject(workerError(event.message));
  return {
    alive: () => true, // a browser does not tell
    post: (call) => worker.postMessage(call),
    listen(next) {
      job = next;
    },
    terminate: () => worker.terminate(),
  };
}

function workerError(cause: unknown): EngineError {
  return new EngineError("Cannot finish a dense kernel as its worker stopped", { found: String(cause) }, { cause });
}

/** What we use of a browser's Worker; Node's types have none. */
declare class Worker {
  constructor(url: URL, options: { readonly type: "module" });
  onmessage: ((event: { data: PoolMessage }) => void) | null;
  onerror: ((event: { message: string }) => void) | null;
  postMessage(message: unknown): void;
  terminate(): void;
}
