/** Softmax regression on MNIST with exact refits: what testdata/softmax/oracle.py says happens when rows leave. */
import { fileURLToPath } from "node:url";
import {
  createProblem,
  crossEntropy,
  datasetFromArrays,
  type Engine,
  type OnnxModel,
  type Problem,
  readTensors,
  type Tensor,
  tensor,
} from "@hessonite/core";
import type { Retraining } from "../evaluation/datamodelingScore.ts";
import { correlation } from "../evaluation/rankCorrelation.ts";

/** ½ l2 ‖W‖² is part of the objective. */
export const l2 = 1e-3;
const [rows, allQueries, width, classes] = [5000, 500, 784, 10];

export interface SoftmaxRegression extends AsyncDisposable {
  readonly train: Problem;
  readonly query: Problem;
  readonly optimum: Float64Array;
  /** Losses after training on 50 halves of the rows. */
  readonly halves: Retraining;
  /**
   * Predicted against true changes of the queries' losses when one of 100 rows is removed: their correlation, and the median
   * over rows of the true change for one predicted. (The mean is larger: a row of high leverage h changes by 1/(1 − h).)
   */
  leaveOneOut(scores: Float64Array): { readonly correlation: number; readonly slope: number };
}

async function arraysOf(name: string): Promise<Record<string, Tensor>> {
  const path = fileURLToPath(new URL(`../../testdata/softmax/${name}.npz`, import.meta.url));
  const { tensors } = await readTensors(path);
  return Object.fromEntries(
    await Promise.all([...tensors].map(async ([key, stored]) => [key, await stored.read()] as const)),
  );
}

function softmaxModel(w: Tensor): OnnxModel {
  const weight = tensor("float32", [classes, width], w.data);
  return {
    source: "softmax regression",
    irVersion: 8,
    opsets: new Map([["", 20]]),
    producer: "",
    inputs: [{ name: "x", dtype: "float32", shape: ["rows", width] }],
    outputs: [{ name: "logits", dtype: "float32", shape: ["rows", classes] }],
    initializers: new Map([["w", { name: "w", dtype: "float32", shape: [classes, width], read: () => weight }]]),
    nodes: [
      {
        name: "logits",
        opType: "Gemm",
        domain: "",
        inputs: ["x", "w"],
        outputs: ["logits"],
        attrs: { transB: { kind: "int", value: 1 } },
      },
    ],
  };
}

/** With the first `queries` of the 500. */
export async function softmaxRegression(engine: Engine, queries: number): Promise<SoftmaxRegression> {
  const [{ x, y }, truth] = await Promise.all([arraysOf("data"), arraysOf("truth")]);
  const problem = (from: number, to: number): Promise<Problem> => {
    const pixels = Float32Array.from(x!.data.subarray(from * width, to * width), (v) => v / 255);
    const inputs = { x: tensor("float32", [to - from, width], pixels) };
    const target = tensor("int64", [to - from], Float64Array.from(y!.data.subarray(from, to)));
    return createProblem({
      model: softmaxModel(truth["w"]!),
      data: datasetFromArrays({ inputs, target }, { batchSize: 250 }),
      loss: crossEntropy(),
      engine,
    });
  };
  const [train, query] = [await problem(0, rows), await problem(rows, rows + queries)];
  /** Of `[…, 500]` the first queries. */
  const shown = (data: ArrayLike<number>): Float64Array =>
    Float64Array.from(data).filter((_, at) => at % allQueries < queries);
  const changes = shown(truth["changes"]!.data);
  const removed = Array.from(truth["removed"]!.data);
  const [masks, losses] = [truth["masks"]!.data, shown(truth["losses"]!.data)];
  return {
    train,
    query,
    optimum: Float64Array.from(truth["w"]!.data),
    halves: { subsets: 50, rows, seeds: 1, queries, masks, losses },
    leaveOneOut(scores) {
      const predicted = removed.flatMap((row) => Array.from({ length: queries }, (_, q) => scores[q * rows + row]!));
      const slopes = removed.map((_, k) => {
        const part = <T extends { slice(from: number, to: number): T }>(list: T): T =>
          list.slice(k * queries, (k + 1) * queries);
        const [p, c] = [part(predicted), part(changes)];
        const dot = (a: ArrayLike<number>): number => p.reduce((sum, v, i) => sum + v * a[i]!, 0);
        return dot(c) / dot(p);
      });
      slopes.sort((a, b) => a - b);
      return { correlation: correlation(predicted, changes), slope: slopes[Math.floor(slopes.length / 2)]! };
    },
    async [Symbol.asyncDispose]() {
      await train[Symbol.asyncDispose]();
      await query[Symbol.asyncDispose]();
    },
  };
}
