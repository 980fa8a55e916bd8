/**
 * The vectors that are pulled back from the prediction to the layers, K at once.
 *
 * A column is Σ_c part_c S_c, S `[C, …prediction]` being the loss Hessian's factor, drawn scores or the labels' scores,
 * times √s of each term's weight, times a mask over the terms. With all terms in the mask, a column serves every term of a
 * row at once; with one term, it tells the terms of a row apart.
 */

import { vmap } from "../../autodiff/vmap.ts";
import type { GraphBuilder } from "../../ir/builder.ts";
import type { InputValue, Value } from "../../ir/graph.ts";
import { sizeOf } from "../../ir/shape.ts";
import type { Tensor } from "../../ir/tensor.ts";
import type { PreparedBatch } from "../batches.ts";
import type { Binding } from "../binding.ts";
import { requireLikelihood } from "../ggn.ts";
import { batchNoise } from "../noise.ts";
import { overClasses } from "../outputProduct.ts";
import type { Problem } from "../problem.ts";
import type { Fisher } from "./request.ts";

export interface ColumnSource {
  /** Number of columns S has. */
  readonly parts: number;
  /** Mean over drawn labels, else 1. */
  readonly factor: number;
  /** Further inputs of the graph that columns come from. */
  readonly extra: readonly InputValue[];
  /** Cotangent of the prediction for one column. */
  readonly column: Value;
  /** Inputs that select it: which part, `[C]`; which terms, `[…terms of a row]`. */
  readonly part: InputValue;
  readonly term: InputValue;
  extraFeeds(batch: PreparedBatch): readonly Tensor[];
}

/** The columns of a binding for a kind of Fisher matrix; null for `forward-only`. */
export function columnSource(problem: Problem, binding: Binding, fisher: Fisher): ColumnSource | null {
  if (fisher.fisher === "forward-only") return null;
  const { g, prediction, target, weights } = binding;
  const likelihood = requireLikelihood(problem.loss, "Kronecker factors");
  const noise =
    fisher.fisher === "mc"
      ? g.input("noise", prediction.dtype, [fisher.samples, ...likelihood.noiseShape(prediction.shape)])
      : undefined;
  const columns = (): Value => {
    if (fisher.fisher === "type-2") return likelihood.factor(g, prediction, target);
    if (!noise) return g.unsqueeze(likelihood.score(g, prediction, target), 0);
    const one = g.input("noise of one sample", prediction.dtype, noise.shape.slice(1));
    return vmap(g, [likelihood.sampledScore(g, prediction, target, one)], new Map([[one, noise]]), noise.shape[0]!)[0]!;
  };
  const s = columns();
  const part = g.input("part", prediction.dtype, [s.shape[0]!]);
  const term = g.input("term", prediction.dtype, weights.shape.slice(1));
  const weight = g.mul(g.unary("Sqrt", weights), term);
  const weighted = overClasses(g, weight, problem.loss.classAxis(prediction.shape));
  return {
    parts: s.shape[0]!,
    factor: fisher.fisher === "mc" ? 1 / fisher.samples : 1,
    extra: noise ? [noise] : [],
    column: g.mul(combine(g, part, s), weighted),
    part,
    term,
    extraFeeds: (batch) =>
      noise && fisher.fisher === "mc"
        ? [
            batchNoise(batch, {
              seed: fisher.seed,
              samples: fisher.samples,
              kind: likelihood.noise,
              shape: noise.shape.slice(1),
            }),
          ]
        : [],
  };
}

/** Σ_c part_c S_c */
function combine(g: GraphBuilder, part: Value, s: Value): Value {
  const [count, ...rest] = s.shape as [number, ...number[]];
  return g.reshape(g.matmul(g.reshape(part, [1, count]), g.reshape(s, [count, sizeOf(rest)])), rest);
}

/** Which columns one run takes: parts and terms as one-hot rows. */
export interface ColumnChunk {
  readonly parts: Tensor;
  readonly terms: Tensor;
}

/**
 * The columns in chunks of `k`: every part with all terms, or every part of every term by itself. Rows past the end are
 * zero and add nothing.
 */
export function columnChunks(
  source: ColumnSource,
  k: number,
  { termwise }: { readonly termwise: boolean },
): ColumnChunk[] {
  const termShape = source.term.shape;
  const terms = sizeOf(termShape);
  const total = source.parts * (termwise ? terms : 1);
  return Array.from({ length: Math.ceil(total / k) }, (_, chunk) => {
    const parts = new Float64Array(k * source.parts);
    const mask = new Float64Array(k * terms);
    for (let i = 0; i < k && chunk * k + i < total; i++) {
      const column = chunk * k + i;
      parts[i * source.parts + (column % source.parts)] = 1;
      if (termwise) mask[i * terms + Math.floor(column / source.parts)] = 1;
      else mask.fill(1, i * terms, (i + 1) * terms);
    }
    return {
      parts: { dtype: "float32", shape: [k, source.parts], data: parts },
      terms: { dtype: "float32", shape: [k, ...termShape], data: mask },
    };
  });
}
