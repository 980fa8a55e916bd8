/**
 * Fits that take their data in parts: one that goes on where it was stopped, and one that learns of new rows.
 *
 * Losses, gradients and curvatures of parts add up (see merge.ts), so that the parts do not show in the result.
 */

import { existsSync } from "node:fs";
import {
  createProblem,
  type Dataset,
  layerBlocks,
  layersIfAll,
  MismatchError,
  slice,
  UsageError,
} from "@hessonite/core";
import { type FitOptions, fitLaplace, type Laplace } from "./fit.ts";
import { mergeFits } from "./merge.ts";
import { loadLaplace, type Progress, saveLaplace, storedChoice } from "./store.ts";

export interface ResumeOptions extends FitOptions {
  /** Where the fit is kept after each part; one that is there is gone on from. */
  readonly checkpoint: string;
  /** Rows of a part; 4096 unless said. */
  readonly rowsAtOnce?: number;
  readonly onProgress?: (progress: Progress) => void;
}

/**
 * The fit of all rows, part by part, each in the file before the next begins. Full, block-diagonal, Kronecker and diagonal.
 *
 * @throws {MismatchError} if the file is of another model, structure, likelihood or number of rows.
 * @throws {UsageError} if the structure's parts do not add up.
 */
export async function fitInParts(options: ResumeOptions): Promise<Laplace> {
  const { checkpoint, rowsAtOnce = 4096, onProgress, data, signal } = options;
  if (!(Number.isInteger(rowsAtOnce) && rowsAtOnce > 0)) {
    throw new UsageError("Cannot fit in parts as their rows are not a positive whole number", { found: rowsAtOnce });
  }
  const rows = data.rows ?? (await countRows(data));
  let fit = existsSync(checkpoint) ? await goneOnFrom(options, rows) : undefined;
  try {
    for (let done = fit?.done ?? 0; done < rows; ) {
      signal?.throwIfAborted();
      const end = Math.min(done + rowsAtOnce, rows);
      const next = await fitLaplace({ ...options, data: slice(data, done, end) });
      fit = { fit: fit ? await joined(fit.fit, next) : next, done: end };
      done = end;
      await saveLaplace(checkpoint, fit.fit, { done, rows });
      onProgress?.({ done, rows });
    }
  } catch (error) {
    await fit?.fit[Symbol.asyncDispose]();
    throw error;
  }
  return fit!.fit;
}

interface Partial {
  readonly fit: Laplace;
  readonly done: number;
}

/** The two as one, which holds what the second does. */
async function joined(before: Laplace, next: Laplace): Promise<Laplace> {
  const merged = await mergeFits([before, next]);
  await before[Symbol.asyncDispose]();
  const { problem } = next;
  return { ...merged, problem, [Symbol.asyncDispose]: () => next[Symbol.asyncDispose]() };
}

/** What is in the file, over the problem of the first rows. */
async function goneOnFrom(options: ResumeOptions, rows: number): Promise<Partial> {
  const { checkpoint, model, data, likelihood, structure, engine, memory, signal } = options;
  const stored = await storedChoice(checkpoint, likelihood);
  const { progress } = stored;
  if (!progress || progress.rows !== rows || stored.likelihood.name !== likelihood.name) {
    throw new MismatchError("Cannot go on from the fit in the file as it is not of these data", {
      at: checkpoint,
      expected: `${rows} rows, ${likelihood.name} likelihood`,
      found: progress
        ? `${progress.rows} rows, ${stored.likelihood.name} likelihood`
        : "a fit that was not made in parts",
      try: "another file, or delete this one",
    });
  }
  const problem = await createProblem({
    model,
    data: slice(data, 0, 1),
    loss: likelihood.loss,
    parameters: stored.parameters,
    output: stored.output,
    checks: { deterministic: false, independent: false },
    ...(engine ? { engine } : {}),
    ...(memory === undefined ? {} : { memory }),
    ...(signal ? { signal } : {}),
  });
  const fit = await loadLaplace(checkpoint, problem, likelihood);
  if (fit.curvature.structure !== structure) {
    throw new MismatchError("Cannot go on from the fit in the file as it has another structure", {
      at: checkpoint,
      expected: structure,
      found: fit.curvature.structure,
    });
  }
  return { fit: { ...fit, [Symbol.asyncDispose]: () => problem[Symbol.asyncDispose]() }, done: progress.done };
}

/**
 * The fit with new rows in it, at its hyperparameters: the same as if they had been there from the start.
 *
 * @returns A fit that holds what the first one does, which is its to release.
 */
export async function updateLaplace(
  fit: Laplace,
  data: Dataset,
  { signal }: { readonly signal?: AbortSignal } = {},
): Promise<Laplace> {
  const { problem, likelihood, curvature } = fit;
  const { model, engine, output, memory, space } = problem;
  const subnetwork = curvature.subnetwork && { by: "given" as const, indices: curvature.subnetwork.indices };
  await using more = await fitLaplace({
    model,
    data,
    likelihood,
    structure: curvature.structure,
    engine,
    output,
    memory,
    weights: space.parameters.map(({ name }) => name),
    bias: biasOf(fit),
    ...(subnetwork && { subnetwork }),
    ...(signal ? { signal } : {}),
  });
  return mergeFits([fit, more]);
}

/** Whether the fit's blocks have weight and bias of a layer together or apart; no matter where it has none. */
function biasOf({ curvature, problem }: Laplace): "joint" | "separate" {
  const { blocks } = curvature as { readonly blocks?: readonly unknown[] };
  if (!blocks || !layersIfAll(problem)) return "joint";
  const apart = layerBlocks(problem, { bias: "separate", fisher: "forward-only" }).blocks.length;
  return blocks.length === apart ? "separate" : "joint";
}

async function countRows(data: Dataset): Promise<number> {
  let rows = 0;
  for await (const batch of data.batches()) rows += batch.rows;
  return rows;
}
