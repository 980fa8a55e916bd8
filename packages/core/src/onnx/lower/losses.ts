/** Losses that are part of the model. */
import type { Value } from "../../ir/graph.ts";
import type { Lowering, LoweringContext } from "./context.ts";

/**
 * ℓ = −w[t] · logp[t] for `logp [N, C, …]` and targets `[N, …]`; 0 where the target is ignored.
 * "mean" divides by the sum of the weights of the targets that count.
 */
function negativeLogLikelihood(c: LoweringContext, logProbabilities: Value): Value {
  const { g } = c;
  const target = c.need(1);
  const weights = c.input(2);
  const ignored = "ignore_index" in c.node.attrs ? g.equal(target, c.int("ignore_index", -1)) : undefined;
  const label = ignored ? g.where(ignored, 0, target) : target;
  const picked = g.op("GatherElements", [logProbabilities, g.unsqueeze(label, 1)], { axis: 1 });
  const chosen = g.reshape(picked, target.shape);
  const weight = weights ? g.gather(weights, label, 0) : g.fill(1, chosen.dtype, target.shape);
  const counted = ignored ? g.where(ignored, 0, weight) : weight;
  const loss = g.neg(g.mul(counted, chosen));
  const reduction = c.string("reduction", "mean");
  if (reduction === "none") return loss;
  return reduction === "sum" ? g.total(loss) : g.div(g.total(loss), g.total(counted));
}

export const losses: Readonly<Record<string, Lowering>> = {
  NegativeLogLikelihoodLoss: (c) => negativeLogLikelihood(c, c.need(0)),
  SoftmaxCrossEntropyLoss: (c) => {
    const logProbabilities = c.g.op("LogSoftmax", [c.need(0)], { axis: 1 });
    return [negativeLogLikelihood(c, logProbabilities), logProbabilities];
  },
};
