/** Quadratics against the dense matrix: inverses, costs, optima, for every form of curvature. */

import { fileURLToPath } from "node:url";
import {
  binaryCrossEntropy,
  createProblem,
  crossEntropy,
  type Dataset,
  datasetFromArrays,
  eigenOf,
  eighMany,
  exampleJacobians,
  kroneckerFactors,
  type Matrix,
  matmul,
  matrix,
  type Problem,
  perExampleGradients,
  predict,
  randomStream,
  readModel,
  referenceEngine,
  squaredError,
  type Vector,
} from "@hessonite/core";
import { beforeAll, describe, expect, it, test } from "vitest";
import { bestOnKept, normalMatrix, solvePlainly } from "../layerwise/knownLayers.ts";
import { curvatureOf } from "./curvatureOf.ts";
import { denseQuadratic } from "./denseQuadratic.ts";
import { directionsOf, lowRankQuadratic } from "./lowRankQuadratic.ts";
import { outputFactor } from "./outputFactor.ts";
import { type Quadratic, summedUpdates } from "./quadratic.ts";
import { sloped } from "./sloped.ts";

const size = 14;
const stream = randomStream(1, "quadratics");
const origin = normalMatrix(stream, 1, size).data;
const kept = Uint8Array.from({ length: size }, (_, at) => Number(at % 3 !== 1));
const keptList = [...kept.keys()].filter((at) => kept[at]);

/** H + λI */
function damped(h: Matrix, lambda: number): Matrix {
  const data = h.data.slice();
  for (let i = 0; i < h.rows; i++) data[i * (h.columns + 1)]! += lambda;
  return { ...h, data };
}

/** What adding a unit to the pruned set costs, by two constrained minima. */
function plainCost(c: Matrix, members: readonly number[]): number {
  const rest = keptList.filter((at) => !members.includes(at));
  return bestOnKept(c, origin, rest).loss - bestOnKept(c, origin, keptList).loss;
}

async function checkQuadratic(quadratic: Quadratic, c: Matrix, precision = 8): Promise<void> {
  const best = bestOnKept(c, origin, keptList);
  const { theta, rise } = await quadratic.optimum(kept);
  theta.forEach((value, at) => expect(value).toBeCloseTo(best.w[at]!, precision));
  expect(rise).toBeCloseTo(best.loss, precision);
  expect(await quadratic.rise(theta.map((value, at) => value - origin[at]!))).toBeCloseTo(best.loss, precision);
  const singles = await quadratic.costs(kept, theta, { size: 1, members: Int32Array.from(keptList) });
  keptList.forEach((at, k) => expect(singles[k]!).toBeCloseTo(plainCost(c, [at]), precision));
  const pairs = keptList.slice(0, 8);
  const doubles = await quadratic.costs(kept, theta, { size: 2, members: Int32Array.from(pairs) });
  for (let u = 0; u < 4; u++) expect(doubles[u]!).toBeCloseTo(plainCost(c, pairs.slice(2 * u, 2 * u + 2)), precision);
  const x = normalMatrix(randomStream(2, "right-hand side"), 1, size).data;
  const solved = await quadratic.solve(kept, x);
  const plain = solvePlainly(
    keptList.map((i) => keptList.map((j) => c.data[i * size + j]!)),
    keptList.map((i) => x[i]!),
  );
  keptList.forEach((at, k) => expect(solved[at]!).toBeCloseTo(plain[k]!, precision));
  kept.forEach((k, at) => k || expect(solved[at]).toBe(0));
}

describe("a quadratic", () => {
  const v = normalMatrix(stream, 5, size);
  const gram = matmul(v, v, { a: true });

  test.each([1e-3, 0.1, 2])("of few directions is the dense (VᵀV + %f I), as Woodbury has it", async (lambda) => {
    await checkQuadratic(lowRankQuadratic(directionsOf("directions", v), origin, lambda), damped(gram, lambda));
  });

  it("as a whole matrix is itself", async () => {
    await checkQuadratic(denseQuadratic("matrix", origin, gram, 0.1), damped(gram, 0.1));
  });

  it("with a slope goes down it: its gradient is 0 on the kept weights", async () => {
    const c = damped(gram, 0.5);
    const slope = normalMatrix(stream, 1, size).data;
    const quadratic = sloped(denseQuadratic("matrix", origin, gram, 0.5), slope);
    const { theta, rise } = await quadratic.optimum(kept);
    const delta = theta.map((value, at) => value - origin[at]!);
    const gradientAt = (i: number): number =>
      slope[i]! + delta.reduce((sum, d, j) => sum + c.data[i * size + j]! * d, 0);
    for (const at of keptList) expect(gradientAt(at)).toBeCloseTo(0, 9);
    expect(rise).toBeCloseTo(
      delta.reduce((sum, d, i) => sum + 0.5 * d * (gradientAt(i) - slope[i]!) + d * slope[i]!, 0),
      9,
    );
  });

  it("adds single updates up: for one weight that is the optimum", async () => {
    const quadratic = lowRankQuadratic(directionsOf("directions", v), origin, 0.1);
    const one = new Uint8Array(size).fill(1);
    one[4] = 0;
    const [summed, best] = [await summedUpdates(quadratic, one), await quadratic.optimum(one)];
    summed.theta.forEach((value, at) => expect(value).toBeCloseTo(best.theta[at]!, 9));
    expect(summed.rise).toBeCloseTo(best.rise, 9);
    const [many, bound] = [await summedUpdates(quadratic, kept), await quadratic.optimum(kept)];
    expect(many.rise).toBeGreaterThan(bound.rise);
  });
});

test("the loss's curvature in the outputs has its square root", () => {
  const f = Float64Array.of(0.3, -1, 2, 0.5, 0.1, -0.4);
  const square = (s: Matrix): Float64Array => matmul(s, s, { b: true }).data;
  const [p0, p1] = [0, 1].map((position) => {
    const raised = [0, 1, 2].map((c) => Math.exp(f[2 * c + position]!));
    return raised.map((x) => x / raised.reduce((a, b) => a + b, 0));
  });
  const h = square(outputFactor(crossEntropy(), f, [3, 2]));
  for (let i = 0; i < 6; i++) {
    for (let j = 0; j < 6; j++) {
      const p = i % 2 === 0 ? p0! : p1!;
      const [a, b] = [Math.floor(i / 2), Math.floor(j / 2)];
      const truth = i % 2 === j % 2 ? Number(a === b) * p[a]! - p[a]! * p[b]! : 0;
      expect(h[i * 6 + j]).toBeCloseTo(truth, 12);
    }
  }
  square(outputFactor(squaredError(), f, [6])).forEach((x, at) => expect(x).toBeCloseTo(at % 7 === 0 ? 2 : 0, 12));
  const yes = f.map((x) => 1 / (1 + Math.exp(-x)));
  square(outputFactor(binaryCrossEntropy(), f, [6])).forEach((x, at) =>
    expect(x).toBeCloseTo(at % 7 === 0 ? yes[at % 6]! * (1 - yes[at % 6]!) : 0, 12),
  );
});

describe("a network's curvature", () => {
  const engine = referenceEngine();
  let problem: Problem;
  let theta: Vector;
  let p: number;

  beforeAll(async () => {
    const model = await readModel(
      fileURLToPath(new URL("../../../core/testdata/conformance/mlp_ce_mean/model.onnx", import.meta.url)),
    );
    problem = await createProblem({ model, data: someRows(), loss: crossEntropy(), engine });
    p = problem.space.size;
    theta = normalMatrix(randomStream(3, "point"), 1, p).data;
  });

  /** Six rows, or some of them. */
  function someRows(chosen: readonly number[] = [0, 1, 2, 3, 4, 5], weights?: readonly number[]): Dataset {
    const own = randomStream(4, "rows");
    const x = Array.from({ length: 6 }, () => Float32Array.from({ length: 10 }, () => own.normal()));
    return datasetFromArrays({
      inputs: {
        x: {
          dtype: "float32",
          shape: [chosen.length, 10],
          data: Float32Array.from(chosen.flatMap((row) => [...x[row]!])),
        },
      },
      target: { dtype: "int32", shape: [chosen.length], data: Int32Array.from(chosen, (row) => row % 3) },
      ...(weights ? { weights } : {}),
    });
  }

  /** Σ_n scale J_nᵀ (diag p − p pᵀ) J_n, written out. */
  async function plainGgn(): Promise<Matrix> {
    const g = matrix(p, p);
    const logits: number[][] = [];
    for await (const { prediction, rows } of predict(problem)) {
      const c = prediction.data.length / rows;
      for (let n = 0; n < rows; n++) logits.push([...prediction.data.slice(n * c, (n + 1) * c)].map(Number));
    }
    for await (const { firstRow, rows, outputs, jacobians } of exampleJacobians(problem)) {
      for (let n = 0; n < rows; n++) {
        const raised = logits[firstRow + n]!.map(Math.exp);
        const q = raised.map((x) => x / raised.reduce((a, b) => a + b, 0));
        for (let a = 0; a < outputs; a++) {
          for (let b = 0; b < outputs; b++) {
            const h = problem.scale * (Number(a === b) * q[a]! - q[a]! * q[b]!);
            for (let i = 0; i < p; i++) {
              for (let j = 0; j < p; j++) {
                g.data[i * p + j]! += h * jacobians[(n * outputs + a) * p + i]! * jacobians[(n * outputs + b) * p + j]!;
              }
            }
          }
        }
      }
    }
    return g;
  }

  async function expectForm(quadratic: Quadratic, c: Matrix): Promise<void> {
    const x = normalMatrix(randomStream(5, "direction"), 1, p).data;
    let truth = 0;
    for (let i = 0; i < p; i++) for (let j = 0; j < p; j++) truth += 0.5 * x[i]! * c.data[i * p + j]! * x[j]!;
    expect((await quadratic.rise(x)) / truth).toBeCloseTo(1, 5);
  }

  it("by type-2 columns and as a whole is the GGN", async () => {
    const g = await plainGgn();
    for (const name of ["ggn", "dense"] as const) {
      const found = await curvatureOf(problem, name);
      let trace = 0;
      for (let i = 0; i < p; i++) trace += g.data[i * (p + 1)]!;
      expect((found.mean * p) / trace).toBeCloseTo(1, 5);
      await expectForm(found.at(theta, 0.01), damped(g, 0.01));
    }
  });

  it("by gradients is the empirical Fisher, in blocks its blocks", async () => {
    const f = matrix(p, p);
    for await (const { rows, gradients } of perExampleGradients(problem)) {
      for (let n = 0; n < rows; n++) {
        for (let i = 0; i < p; i++) {
          for (let j = 0; j < p; j++)
            f.data[i * p + j]! += (gradients[n * p + i]! * gradients[n * p + j]!) / problem.survey.rows;
        }
      }
    }
    await expectForm((await curvatureOf(problem, "fisher")).at(theta, 0.01), damped(f, 0.01));
    for (const blockSize of [4, 17]) {
      const blocks = matrix(
        p,
        p,
        f.data.map((x, at) => (Math.floor(at / p / blockSize) === Math.floor((at % p) / blockSize) ? x : 0)),
      );
      await expectForm((await curvatureOf(problem, "fisher", { blockSize })).at(theta, 0.01), damped(blocks, 0.01));
    }
  });

  it.each(["diagonal", "fisher", "ggn", "dense", "kfac"] as const)(
    "%s counts a row as often as its weight says",
    async (name) => {
      const { model } = problem;
      const times = [1, 3, 0, 2, 1, 1];
      const weighted = someRows([0, 1, 2, 3, 4, 5], times);
      const repeated = someRows(times.flatMap((count, row) => Array.from({ length: count }, () => row)));
      const direction = normalMatrix(randomStream(6, "direction"), 1, p).data;
      const rises: number[] = [];
      for (const data of [weighted, repeated]) {
        await using own = await createProblem({ model, data, loss: crossEntropy(), engine });
        rises.push(await (await curvatureOf(own, name)).at(theta, 1e-6).rise(direction));
      }
      expect(rises[0]! / rises[1]!).toBeCloseTo(1, 5);
    },
  );

  it("by Kronecker factors costs what the dense Kronecker matrix says", async () => {
    const { blocks } = await kroneckerFactors(problem, { bias: "separate" });
    const k = matrix(p, p);
    for (const { index, g, a, out, in: width } of blocks) {
      for (let r = 0; r < out * width; r++) {
        for (let c = 0; c < out * width; c++) {
          const left = g.data[Math.floor(r / width) * out + Math.floor(c / width)]!;
          const right = a ? (a as Matrix).data[(r % width) * width + (c % width)]! : 1;
          k.data[index[r]! * p + index[c]!] = left * right;
        }
      }
    }
    const found = await curvatureOf(problem, "kfac");
    let trace = 0;
    for (let i = 0; i < p; i++) trace += k.data[i * (p + 1)]!;
    expect((found.mean * p) / trace).toBeCloseTo(1, 6);
    const quadratic = found.at(theta, 0.05);
    const c = damped(k, 0.05);
    await expectForm(quadratic, c);
    const all = new Uint8Array(p).fill(1);
    const members = Int32Array.from({ length: 4 }, (_, u) => blocks[0]!.index[u]!);
    const singles = await quadratic.costs(all, theta, { size: 1, members });
    const pairs = await quadratic.costs(all, theta, { size: 2, members });
    const costOf = (gone: readonly number[]): number =>
      bestOnKept(
        c,
        theta,
        [...all.keys()].filter((at) => !gone.includes(at)),
      ).loss;
    members.forEach((at, u) => expect(singles[u]! / costOf([at])).toBeCloseTo(1, 6));
    expect(pairs[0]! / costOf([members[0]!, members[1]!])).toBeCloseTo(1, 6);
    expect(pairs[1]! / costOf([members[2]!, members[3]!])).toBeCloseTo(1, 6);
    const some = Uint8Array.from(all, (_, at) => Number(at % 4 !== 0));
    const { theta: optimum, rise } = await quadratic.optimum(some);
    const best = bestOnKept(
      c,
      theta,
      [...some.keys()].filter((at) => some[at]),
    );
    expect(rise / best.loss).toBeCloseTo(1, 6);
    optimum.forEach((value, at) => expect(value).toBeCloseTo(best.w[at]!, 5));
  });

  it("by EK-FAC costs what its dense matrix Q Λ Qᵀ says", async () => {
    const factors = await kroneckerFactors(problem, { bias: "separate" });
    const eigen = await eigenOf(factors.blocks, eighMany);
    const [block] = factors.blocks;
    const { basis } = eigen[0]!;
    const [out, width] = [block!.out, block!.in];
    const lambdas = new Float64Array(out * width);
    for await (const { rows, outputs, jacobians } of exampleJacobians(problem)) {
      let n = 0;
      for await (const { prediction } of predict(problem)) {
        for (; n < rows; n++) {
          const f = Float64Array.from(prediction.data.slice(n * outputs, (n + 1) * outputs));
          const s = outputFactor(problem.loss, f, [outputs]);
          for (let c = 0; c < outputs; c++) {
            const column = Float64Array.from(block!.index, (at) => {
              let sum = 0;
              for (let o = 0; o < outputs; o++)
                sum += s.data[o * outputs + c]! * jacobians[(n * outputs + o) * p + at]!;
              return sum;
            });
            const turned = matmul(matmul(basis.qg, matrix(out, width, column), { a: true }), basis.qa!);
            turned.data.forEach((x, k) => {
              lambdas[k]! += problem.scale * x * x;
            });
          }
        }
      }
    }
    const q = matrix(out * width, out * width);
    for (let r = 0; r < q.rows; r++) {
      for (let c = 0; c < q.rows; c++) {
        for (let k = 0; k < q.rows; k++) {
          const entry = (at: number): number =>
            basis.qg.data[Math.floor(at / width) * out + Math.floor(k / width)]! *
            basis.qa!.data[(at % width) * width + (k % width)]!;
          q.data[r * q.rows + c]! += entry(r) * (lambdas[k]! + 0.05 * 1) * entry(c);
        }
      }
    }
    const quadratic = (await curvatureOf(problem, "ekfac")).at(theta, 0.05);
    const members = block!.index.slice(0, 6);
    const costs = await quadratic.costs(new Uint8Array(p).fill(1), theta, { size: 1, members });
    const own = Float64Array.from(block!.index, (at) => theta[at]!);
    members.forEach((_, u) => {
      const rest = [...own.keys()].filter((place) => place !== u);
      expect(costs[u]! / bestOnKept(q, own, rest).loss).toBeCloseTo(1, 5);
    });
  });
});
