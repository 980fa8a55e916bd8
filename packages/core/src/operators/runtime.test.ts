/** Problems on ONNX Runtime itself: lanes, kept residuals and cancellation. */
import { describe, expect, it } from "vitest";
import { datasetFromArrays } from "../data/fromArrays.ts";
import type { Engine } from "../engine/engine.ts";
import { ortNodeEngine } from "../engine/ort/ortNode.ts";
import { referenceEngine } from "../engine/reference/engine.ts";
import { crossEntropy } from "../loss/crossEntropy.ts";
import { expectClose } from "../testing/expectClose.ts";
import { ints, normalFloats, tanhNetwork } from "../testing/smallModels.ts";
import { tolerances } from "../testing/tolerance.ts";
import { empiricalFisher } from "./empiricalFisher.ts";
import { ggn } from "./ggn.ts";
import { gradientAndLoss } from "./gradientAndLoss.ts";
import { hessian } from "./hessian.ts";
import { jacobian } from "./jacobian.ts";
import { createProblem, type Problem } from "./problem.ts";

const rows = 23;
const data = datasetFromArrays(
  {
    inputs: { x: normalFloats([rows, 5], 1, "x") },
    target: ints(
      [rows],
      Array.from({ length: rows }, (_, i) => i % 3),
    ),
  },
  { batchSize: 4 },
);
const model = tanhNetwork([5, 8, 3], 2);
const problemOn = (engine: Engine): Promise<Problem> => createProblem({ model, data, loss: crossEntropy(), engine });

const vectors = (size: number): Float64Array => Float64Array.from({ length: 3 * size }, (_, i) => Math.sin(i));

async function everything(
  problem: Problem,
  residuals: "keep" | "recompute" | "auto" = "auto",
): Promise<Float64Array[]> {
  const v = vectors(problem.space.size);
  const operators = [
    hessian(problem, { residuals }),
    ggn(problem, { residuals }),
    ggn(problem, { fisher: "sampled", samples: 2, seed: 1, residuals }),
    empiricalFisher(problem, { residuals }),
    jacobian(problem),
  ];
  const { loss, gradient } = await gradientAndLoss(problem);
  const results = [Float64Array.of(loss), gradient];
  for (const operator of operators)
    results.push(await operator.apply(v, { k: 3 }), await operator.apply(v.slice(0, v.length / 3)));
  return results;
}

describe("on ONNX Runtime", () => {
  it("two lanes give what one gives, bit for bit", async () => {
    await using one = ortNodeEngine({ lanes: 1, threads: 1 });
    await using two = ortNodeEngine({ lanes: 2, threads: 1 });
    const [a, b] = [await problemOn(one), await problemOn(two)];
    expect(await everything(b)).toEqual(await everything(a));
  });

  it("kept residuals give what recomputing gives, and both what the reference engine gives", async () => {
    await using engine = ortNodeEngine({ lanes: 2, threads: 1 });
    await using reference = referenceEngine();
    const problem = await problemOn(engine);
    const truth = await everything(await problemOn(reference));
    for (const residuals of ["keep", "recompute"] as const) {
      const found = await everything(problem, residuals);
      for (const [i, expected] of truth.entries()) {
        expectClose(found[i] ?? [], expected, `result ${i}, residuals: ${residuals}`, tolerances.float32);
      }
    }
  });

  it("an abort in the middle leaves the engine working", async () => {
    await using engine = ortNodeEngine({ lanes: 2, threads: 1 });
    const problem = await problemOn(engine);
    const h = hessian(problem);
    const v = vectors(problem.space.size);
    const before = await h.apply(v, { k: 3 });
    const stop = new AbortController();
    const running = h.apply(v, { k: 3, signal: stop.signal });
    setTimeout(() => stop.abort(new Error("enough")), 0);
    await expect(Promise.race([running, forever(h, v, stop.signal)])).rejects.toThrow("enough");
    await running.catch(() => undefined);
    expect(await h.apply(v, { k: 3 })).toEqual(before);
  });
});

/** Products until one is stopped. */
async function forever(h: ReturnType<typeof hessian>, v: Float64Array, signal: AbortSignal): Promise<never> {
  for (;;) await h.apply(v, { k: 3, signal });
}
