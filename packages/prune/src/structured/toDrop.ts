/**
 * As few channels as an accepted drop allows: the largest share that keeps to it, found by halving.
 *
 * The drop is of accuracy where the loss classifies (0.005 is half a point), else of the loss, relative to the dense model's.
 */
import {
  accuracy,
  createProblem,
  type Dataset,
  type Engine,
  flatten,
  type Loss,
  lossAt,
  readModel,
  UsageError,
} from "@hessonite/core";
import { dropOf } from "../network/pruneModel.ts";
import type { Measured } from "../network/setting.ts";
import { openChannelPruning, type PruneChannelsOptions, type PrunedChannels } from "./pruneChannels.ts";
import type { ChannelBudget } from "./select/select.ts";
import type { ShrinkBy, Shrunk } from "./shrunk.ts";

export interface DropSearch {
  readonly loss: Loss;
  readonly engine?: Engine;
  /** Labelled rows to measure on; not those that are calibrated with. */
  readonly heldOut: Dataset;
  readonly maxDrop: number;
  /** The largest share wanted, tried first; the largest that leaves a model unless said. */
  readonly most?: number;
  /** What is to become less; "flops" unless said. */
  readonly of?: ChannelBudget["of"];
  /** Shares that are tried; 6 unless said, which finds the largest to within a hundredth. */
  readonly tries?: number;
  readonly onTry?: (tried: TriedShare) => void;
}

export interface DropOptions extends DropSearch, Omit<PruneChannelsOptions, "budget" | "loss" | "engine"> {}

/** How a model does on held-out rows. */
export type ModelQuality = Measured;

export interface TriedShare extends ModelQuality {
  readonly share: number;
  /** Loss that the removals were predicted to add, where the costs are losses. */
  readonly predicted?: number;
  /** Below the dense model. */
  readonly drop: number;
  readonly accepted: boolean;
}

export interface PrunedToDrop<S extends Shrunk = PrunedChannels> {
  /** The best that was found; undefined where every share drops too much. */
  readonly pruned: S | undefined;
  readonly dense: ModelQuality;
  readonly quality: ModelQuality;
  /** By share, ascending. */
  readonly tried: readonly TriedShare[];
  readonly met: boolean;
}

/** Nothing of a model is left beyond. */
const largestShare = 0.95;

/**
 * @throws {UsageError} for whatever `pruneChannels` does, or if the drop is negative.
 *
 * Cost: one measurement of the dense model, and a fit and an evaluation for each try.
 */
export async function pruneChannelsToDrop(source: string | Uint8Array, options: DropOptions): Promise<PrunedToDrop> {
  return shrinkToDrop(source, () => openChannelPruning(source, options), options);
}

/**
 * The same by any unit.
 *
 * @param open Measures the dense model; called once the options are known to be sound.
 */
export async function shrinkToDrop<S extends Shrunk>(
  source: string | Uint8Array,
  open: () => Promise<ShrinkBy<S>>,
  { heldOut, loss, maxDrop, most, of = "flops", tries = 6, onTry, engine }: DropSearch,
): Promise<PrunedToDrop<S>> {
  if (!(maxDrop >= 0)) throw new UsageError("Cannot prune to a drop that is negative", { found: maxDrop });
  const judge = (file: string | Uint8Array): Promise<ModelQuality> => qualityOf(file, heldOut, loss, engine);
  const dense = await judge(source);
  const pruneBy = await open();
  let best: { readonly pruned: S; readonly quality: ModelQuality } | undefined;
  const tried: TriedShare[] = [];
  let [low, high] = [0, most ?? largestShare];
  for (let i = 0; i < tries; i++) {
    const share = i === 0 && most !== undefined ? most : (low + high) / 2;
    const pruned = await pruneBy({ of, share });
    const quality = await judge(pruned.file);
    const drop = dropOf(dense, quality);
    const accepted = drop <= maxDrop + 1e-12;
    const { predicted } = pruned;
    const one = { share, drop, accepted, ...quality, ...(predicted === undefined ? {} : { predicted }) };
    tried.push(one);
    onTry?.(one);
    if (accepted) best = { pruned, quality };
    [low, high] = accepted ? [share, high] : [low, share];
    if (low === most) break; // more is not wanted
  }
  tried.sort((a, b) => a.share - b.share);
  return {
    pruned: best?.pruned,
    dense,
    quality: best?.quality ?? dense,
    tried,
    met: most === undefined ? best !== undefined : low === most,
  };
}

/** Loss, and accuracy where the loss classifies, of a model's file. */
export async function qualityOf(
  file: string | Uint8Array,
  data: Dataset,
  loss: Loss,
  engine?: Engine,
): Promise<ModelQuality> {
  const model = await readModel(file);
  await using problem = await createProblem({ model, data, loss, checks: false, ...(engine ? { engine } : {}) });
  const right = await accuracy(problem);
  await using losses = lossAt(problem);
  const value = await losses.at(flatten(problem.space, problem.values));
  return { loss: value, ...(right === undefined ? {} : { accuracy: right }) };
}
