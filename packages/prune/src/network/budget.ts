/**
 * The share of the prunable weights that is 0 once a budget is kept.
 *
 *     parameters   zeros = share · P                                   P parameters of the model, W of them prunable
 *     bytes        F − 4 W + form(zeros) = (1 − share) · F             F the file's bytes
 *     form         packed: W / 8 + 4 (W − zeros) + decoders            sparse: 12 (W − zeros)
 */
import { UsageError } from "@hessonite/core";
import { decoderBytes } from "../compact/compactModel.ts";
import type { CompactForm } from "../written/writeModel.ts";
import type { Prunable } from "./prunable.ts";

export interface BudgetRequest {
  readonly of: "flops" | "parameters" | "bytes";
  /** Of what is counted, that is to go. */
  readonly share: number;
  readonly parameters: number;
  /** Of the model's file; absent where it is none. */
  readonly bytes?: number;
  readonly compact: CompactForm;
  /** Of levels, where weights are rounded. */
  readonly bits?: number;
}

/** @throws {UsageError} if zeros save nothing of what is counted, or not as much. */
export function sparsityFor({ weights, layers }: Prunable, request: BudgetRequest): number {
  const { of, share, parameters } = request;
  if (of === "flops") {
    throw new UsageError("Cannot count FLOPs as weights that are 0 are multiplied all the same", {
      try: "granularity channel, or a budget of parameters or bytes",
    });
  }
  const zeros = of === "parameters" ? share * parameters : zerosForBytes(weights, layers.length, request);
  if (zeros >= weights) {
    throw new UsageError(`Cannot save as many ${of} as were asked for as there are not so many weights to prune`, {
      expected: `${Math.ceil(zeros)} zeros`,
      found: `${weights} prunable weights`,
    });
  }
  return Math.max(0, zeros / weights);
}

function zerosForBytes(weights: number, layers: number, { share, bytes, compact, bits }: BudgetRequest): number {
  if (bytes === undefined || compact === "none" || bits !== undefined) {
    throw new UsageError("Cannot count bytes as zeros take as many as other weights in this file", {
      found: bytes === undefined ? "a model that is no file" : `compact ${compact}${bits ? `, bits ${bits}` : ""}`,
      expected: "compact packed or sparse, without rounding",
    });
  }
  const saved = share * bytes;
  if (compact === "sparse") return weights - (4 * weights - saved) / 12;
  return (saved + weights / 8 + decoderBytes * layers) / 4;
}
