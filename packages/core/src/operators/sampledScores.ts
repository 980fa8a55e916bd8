/** Scores ĝ of labels drawn from the model, several a term. */
import { vmap } from "../autodiff/vmap.ts";
import type { InputValue, Value } from "../ir/graph.ts";
import type { Likelihood } from "../loss/loss.ts";
import type { Binding } from "./binding.ts";

/** `[samples, …prediction]`, and the input `[samples, …]` of the noise that draws them. */
export function sampledScores(
  { g, prediction, target }: Binding,
  likelihood: Likelihood,
  samples: number,
): { readonly scores: Value; readonly noise: InputValue } {
  const noise = g.input("noise", prediction.dtype, [samples, ...likelihood.noiseShape(prediction.shape)]);
  const one = g.input("noise of one sample", prediction.dtype, noise.shape.slice(1));
  const score = likelihood.sampledScore(g, prediction, target, one);
  const [scores = score] = vmap(g, [score], new Map([[one, noise]]), samples);
  return { scores, noise };
}
