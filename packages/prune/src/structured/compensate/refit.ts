/**
 * All weights of the pruned model moved so that it predicts what the dense one does: no labels.
 *
 *     minimise E_x KL(p_dense(x) ‖ p_θ(x))      by damped Gauss–Newton, judged on rows kept aside (core's matchFunctions)
 */
import {
  type Dataset,
  type Engine,
  type Loss,
  type MatchedFunctions,
  type MatchStep,
  matchFunctions,
  type OnnxModel,
  ortNodeEngine,
  patchModel,
  readModel,
  storedValues,
  tensorsOf,
  UsageError,
} from "@hessonite/core";

export interface RefitOptions {
  /** Whose predictions the loss says what distribution: cross-entropy, bce-with-logits or mse. */
  readonly loss: Loss;
  readonly engine?: Engine;
  /** Linearisations; 3 unless said. */
  readonly steps?: number;
  readonly signal?: AbortSignal;
  readonly onStep?: (step: MatchStep) => void;
}

export interface Refitted {
  readonly file: Uint8Array;
  /** KL to the dense model on the rows kept aside. */
  readonly before: number;
  readonly after: number;
  readonly steps: readonly MatchStep[];
}

/**
 * @param dense The dense model as `readModel` gives it.
 *
 * Cost: that of matchFunctions, on the pruned model.
 */
export async function refit(
  dense: OnnxModel,
  pruned: Uint8Array,
  data: Dataset,
  { loss, engine, ...options }: RefitOptions,
): Promise<Refitted> {
  const student = await readModel(pruned);
  const own = engine ?? ortNodeEngine();
  try {
    const matched = await matchFunctions({
      ...options,
      student,
      teachers: [{ name: "the dense model", model: dense, data, loss }],
      engine: own,
    });
    return {
      file: written(student, pruned, matched),
      before: matched.before,
      after: matched.after,
      steps: matched.steps,
    };
  } finally {
    if (!engine) await own[Symbol.asyncDispose]();
  }
}

/**
 * `refit` with the steps as progress.
 *
 * @throws {UsageError} if there is no loss.
 */
export async function refitted(
  source: string | Uint8Array,
  file: Uint8Array,
  { data, loss, engine, signal, onProgress }: RefittedOptions,
): Promise<Refitted> {
  if (!loss) throw new UsageError("Cannot refit the function as no loss says what its predictions are");
  let done = 0;
  return refit(await readModel(source), file, data, {
    loss,
    ...(engine ? { engine } : {}),
    ...(signal ? { signal } : {}),
    onStep: () => onProgress?.({ stage: "refitting the function", done: ++done, total: 3 }),
  });
}

export interface RefittedOptions {
  readonly data: Dataset;
  readonly loss?: Loss;
  readonly engine?: Engine;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: { readonly stage: string; readonly done: number; readonly total: number }) => void;
}

function written(student: OnnxModel, file: Uint8Array, { space, values }: MatchedFunctions): Uint8Array {
  const { values: stored, splits } = storedValues(student, tensorsOf(space, values));
  return patchModel(file, stored, { splits }).bytes;
}
