import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { readCase } from "../conformance/case.ts";
import { referenceEngine } from "../engine/reference/engine.ts";
import { atPoint } from "../functionSpace/point.ts";
import { gradientAndLoss } from "../operators/gradientAndLoss.ts";
import { flatten } from "../operators/parameterSpace.ts";
import { createProblem, type Problem } from "../operators/problem.ts";
import { expectClose } from "../testing/expectClose.ts";
import { optimizerOf } from "./optimizer.ts";
import { scheduleFactor } from "./schedule.ts";
import { createTrainer } from "./train.ts";

const folder = fileURLToPath(new URL("../../testdata/conformance/mlp_ce_mean", import.meta.url));
const engine = referenceEngine();

async function problemOf(theta?: Float64Array, from?: Problem): Promise<Problem> {
  const { model, data, loss, parameters } = await readCase(folder, { exact: true });
  return createProblem({
    model: theta && from ? atPoint(model, from.space, theta) : model,
    data,
    loss,
    parameters,
    engine,
  });
}

describe("training", () => {
  it("on all rows at once with plain SGD is gradient descent", async () => {
    await using problem = await problemOf();
    await using trainer = await createTrainer(problem);
    const { theta } = await trainer.train({ optimizer: { kind: "sgd", learningRate: 0.3 }, epochs: 2, batchSize: 7 });
    const expected = flatten(problem.space, problem.values);
    for (let step = 0; step < 2; step++) {
      await using here = await problemOf(expected.slice(), problem);
      const { gradient } = await gradientAndLoss(here);
      gradient.forEach((g, i) => {
        expected[i]! -= 0.3 * g;
      });
    }
    expectClose(theta, expected, "two steps of gradient descent");
  });

  it("lowers the loss, the same way for the same seed, on the rows that are asked for", async () => {
    await using problem = await problemOf();
    await using trainer = await createTrainer(problem);
    const options = { optimizer: { kind: "adam", learningRate: 0.05 } as const, epochs: 30, batchSize: 2, seed: 4 };
    const first = await trainer.train(options);
    expect(first.losses.at(-1)!).toBeLessThan(0.8 * first.losses[0]!);
    expect((await trainer.train(options)).theta).toEqual(first.theta);
    expect((await trainer.train({ ...options, seed: 5 })).theta).not.toEqual(first.theta);
    const some = await trainer.train({ ...options, rows: [0, 1, 2] });
    expect(some.losses.at(-1)!).toBeLessThan(first.losses.at(-1)!);
  });

  it.each([
    { kind: "adam", learningRate: 0.05, weightDecay: 0.1 },
    { kind: "sgd", learningRate: 0.05, momentum: 0.9, weightDecay: 0.1 },
  ] as const)("holds the entries that are not free: $kind with weight decay", async (optimizer) => {
    await using problem = await problemOf();
    await using trainer = await createTrainer(problem);
    const start = flatten(problem.space, problem.values);
    const free = Uint8Array.from(start, (_, at) => Number(at % 3 !== 0));
    const { theta } = await trainer.train({ optimizer, epochs: 3, free });
    const moved = [...theta.keys()].filter((at) => theta[at] !== start[at]);
    expect(moved.length).toBeGreaterThan(0);
    expect(moved.filter((at) => free[at] === 0)).toEqual([]);
  });

  it("says what goes wrong", async () => {
    await using problem = await problemOf();
    await using trainer = await createTrainer(problem);
    await expect(trainer.train({ optimizer: { kind: "sgd", learningRate: 0 }, epochs: 1 })).rejects.toThrow(
      "not positive",
    );
    await expect(
      trainer.train({ optimizer: { kind: "sgd", learningRate: 1 }, epochs: 1, start: new Float64Array(3) }),
    ).rejects.toThrow("not the parameters'");
    await expect(
      trainer.train({ optimizer: { kind: "sgd", learningRate: 1 }, epochs: 1, free: new Uint8Array(3) }),
    ).rejects.toThrow("not as long as the parameters");
    const wild = { optimizer: { kind: "sgd", learningRate: Number.POSITIVE_INFINITY } as const, epochs: 5 };
    await expect(trainer.train(wild)).rejects.toThrow("the loss is not finite");
  });
});

describe("optimisers", () => {
  /** Steps on ½ θ² from θ = 1. */
  const path = (options: Parameters<typeof optimizerOf>[0], steps: number): number => {
    const theta = Float64Array.of(1);
    const optimizer = optimizerOf(options, 1);
    for (let i = 0; i < steps; i++) optimizer.step(theta, theta.slice(), 1);
    return theta[0]!;
  };

  it("follow their formulas", () => {
    expect(path({ kind: "sgd", learningRate: 0.1 }, 2)).toBeCloseTo(0.81, 12);
    expect(path({ kind: "sgd", learningRate: 0.1, weightDecay: 1 }, 1)).toBeCloseTo(0.8, 12);
    expect(path({ kind: "sgd", learningRate: 0.1, momentum: 0.5 }, 2)).toBeCloseTo(0.9 - 0.1 * (0.5 + 0.9), 12);
    expect(path({ kind: "sgd", learningRate: 0.1, momentum: 0.5, nesterov: true }, 1)).toBeCloseTo(1 - 0.1 * 1.5, 12);
    expect(path({ kind: "adam", learningRate: 0.1 }, 1)).toBeCloseTo(0.9, 6); // the first step is η whatever the gradient
    expect(path({ kind: "adam", learningRate: 0.1, weightDecay: 1 }, 1)).toBeCloseTo(0.8, 6);
  });

  it("go by their schedule", () => {
    expect(scheduleFactor({ kind: "cosine" }, 0, 10)).toBe(1);
    expect(scheduleFactor({ kind: "cosine" }, 5, 10)).toBeCloseTo(0.5, 12);
    expect(scheduleFactor({ kind: "linear", warmup: 0.5 }, 0, 10)).toBeCloseTo(0.2, 12);
    expect(scheduleFactor({ kind: "linear", warmup: 0.5 }, 9, 10)).toBeCloseTo(0.2, 12);
    expect(scheduleFactor({ kind: "steps", at: [0.5, 0.8], factor: 0.1 }, 8, 10)).toBeCloseTo(0.01, 12);
  });
});
