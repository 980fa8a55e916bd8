/** Computed against expected: the relative 2-norm error of every key that we compute. */
import type { Engine } from "../engine/engine.ts";
import type { Tensor } from "../ir/tensor.ts";
import { createProblem, type Problem } from "../operators/problem.ts";
import { type ConformanceCase, readCase } from "./case.ts";
import { conformanceKeys } from "./keys.ts";

export interface KeyResult {
  readonly key: string;
  /** ‖computed − expected‖₂ / ‖expected‖₂ */
  readonly error: number;
  readonly tolerance: number;
  readonly passed: boolean;
}

export interface CaseResult {
  readonly name: string;
  readonly engine: string;
  readonly keys: readonly KeyResult[];
}

/** Relative 2-norm tolerances by an engine's precision; inverses of structured operators are conditioned worse. */
const tolerances = { float64: 1e-9, structured: 1e-8, float32: 1e-4 } as const;

/** Runs every key of a case that has a row in `conformanceKeys`. */
export async function runCase(
  folder: string,
  engine: Engine,
  { signal }: { readonly signal?: AbortSignal } = {},
): Promise<CaseResult> {
  const one = await readCase(folder, { exact: engine.precision === "float64" });
  await using problem = await createProblem({
    model: one.model,
    data: one.data,
    loss: one.loss,
    engine,
    parameters: one.parameters,
    ...(signal ? { signal } : {}),
  });
  const keys: KeyResult[] = [];
  for (const key of one.expected.tensors.keys()) {
    signal?.throwIfAborted();
    const result = await compareKey(key, one, problem);
    if (result) keys.push(result);
  }
  return { name: one.name, engine: engine.name, keys };
}

async function compareKey(key: string, one: ConformanceCase, problem: Problem): Promise<KeyResult | undefined> {
  const row = conformanceKeys.find(({ pattern }) => pattern.test(key));
  if (!row) return undefined;
  const expected = await one.expected.tensors.get(key)!.read();
  const computed = await row.compute({ problem, one, match: key.match(row.pattern)! });
  const error = relativeError(computed, expected);
  const tolerance = toleranceOf(key, one, problem);
  return { key, error, tolerance, passed: error <= tolerance };
}

function toleranceOf(key: string, { description }: ConformanceCase, { engine }: Problem): number {
  if (engine.precision === "float64")
    return /^(KFAC|EKFAC|KFOC)/.test(key) ? tolerances.structured : tolerances.float64;
  const sensitive = Object.entries(description.float32Sensitive ?? {}).find(([prefix]) => key.startsWith(prefix));
  return Math.max(tolerances.float32, 2 * (sensitive?.[1] ?? 0));
}

/** ‖a − b‖ / ‖b‖; the absolute error where b is zero; infinite where the lengths differ. */
export function relativeError(a: ArrayLike<number>, { data: b }: Pick<Tensor, "data">): number {
  if (a.length !== b.length) return Number.POSITIVE_INFINITY;
  let difference = 0;
  let norm = 0;
  for (let i = 0; i < b.length; i++) {
    difference += (a[i]! - b[i]!) ** 2;
    norm += b[i]! ** 2;
  }
  return norm === 0 ? Math.sqrt(difference) : Math.sqrt(difference / norm);
}
