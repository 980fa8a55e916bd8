/** What factors and products with them cost at least: their matrix products against those of the gradient. */
import { costOf } from "../src/ir/cost.ts";
import { layerBlocks } from "../src/operators/factors/layerBlocks.ts";
import { panelsOf } from "../src/operators/factors/panels.ts";
import { gradientGraph } from "../src/operators/gradientAndLoss.ts";
import type { Problem } from "../src/operators/problem.ts";

/** Entries of a Gram matrix that are computed. */
const lowerEntries = (n: number): number => panelsOf(n).reduce((sum, { from, to }) => sum + (to - from) * to, 0);

/** In gradients, by the operations' names. One column is pulled back. */
export function factorFloors(problem: Problem): Record<string, number> {
  const { blocks, positions } = layerBlocks(problem);
  const gradient = costOf(gradientGraph(problem.survey.binding)).productFlops;
  const total = (flops: (rows: number, out: number, width: number) => number): number =>
    blocks.reduce((sum, b, i) => sum + flops(problem.survey.batchRows * positions[i]!, b.out, b.in), 0);
  const weights = blocks.reduce(
    (sum, b, i) => sum + 2 * problem.survey.batchRows * positions[i]! * b.out * (b.in - Number(b.joint)),
    0,
  );
  const passes = gradient - weights; // forward, and back to the layers' outputs
  const grams = total((rows, out, width) => 2 * rows * (lowerEntries(out) + lowerEntries(width)));
  const correction = total((rows, out, width) => 2 * rows * (out * out + width * width + out * width));
  const product = total((_, out, width) => 2 * out * width * (out + width));
  return {
    gradient: 1,
    "KFAC build, mc 1": (passes + grams) / gradient,
    "EKFAC correction, mc 1": (passes + correction) / gradient,
    "EKFAC build without eigh, mc 1": (2 * passes + grams + correction) / gradient,
    "KFAC · v": product / gradient,
    "EKFAC · v": (2 * product) / gradient,
  };
}
