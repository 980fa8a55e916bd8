/**
 * How long models take, one against the other in the same minutes.
 *
 * A run of each in turn, over and over, so that whatever else the machine does meets both; the ratio is the median of the
 * ratios of neighbours, which a slow moment cannot move.
 */
import { openFileSession, type Tensor } from "@hessonite/core";

export interface LatencyOptions {
  /** Pairs of runs; 200 unless said. */
  readonly rounds?: number;
  /** Runs of each beforehand; 10 unless said. */
  readonly warmUp?: number;
  /** Threads of the runtime; 1 unless said. */
  readonly threads?: number;
  readonly signal?: AbortSignal;
}

export interface LatencyComparison {
  /** Median milliseconds of a run. */
  readonly before: number;
  readonly after: number;
  /** Median of before / after: 2 is twice as fast. */
  readonly ratio: number;
  /** First and third quartile of the ratios. */
  readonly quartiles: readonly [number, number];
  readonly rounds: number;
}

/**
 * @param feeds The same for both models.
 * @throws {EngineError} if the runtime refuses a model.
 */
export async function compareLatency(
  before: Uint8Array | string,
  after: Uint8Array | string,
  feeds: Readonly<Record<string, Tensor>>,
  { rounds = 200, warmUp = 10, threads = 1, signal }: LatencyOptions = {},
): Promise<LatencyComparison> {
  await using first = await openFileSession(before, { threads });
  await using second = await openFileSession(after, { threads });
  const clocks = [first.clock(feeds), second.clock(feeds)] as const;
  for (let i = 0; i < warmUp; i++) for (const clock of clocks) await clock();
  const times: [number, number][] = [];
  for (let i = 0; i < rounds; i++) {
    signal?.throwIfAborted();
    const forward = i % 2 === 0; // whoever runs second finds other caches: each does so as often
    const one = await clocks[forward ? 0 : 1]();
    const other = await clocks[forward ? 1 : 0]();
    times.push(forward ? [one, other] : [other, one]);
  }
  const ratios = times.map(([a, b]) => a / b);
  return {
    before: quantile(
      times.map(([a]) => a),
      0.5,
    ),
    after: quantile(
      times.map(([, b]) => b),
      0.5,
    ),
    ratio: quantile(ratios, 0.5),
    quartiles: [quantile(ratios, 0.25), quantile(ratios, 0.75)],
    rounds,
  };
}

function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const at = q * (sorted.length - 1);
  const [low, high] = [sorted[Math.floor(at)]!, sorted[Math.ceil(at)]!];
  return low + (high - low) * (at - Math.floor(at));
}
