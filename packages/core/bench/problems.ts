/** The problems that products are measured on: random data, cross-entropy, one batch. */
import type { Dataset } from "../src/data/dataset.ts";
import type { Engine } from "../src/engine/engine.ts";
import { sizeOf } from "../src/ir/shape.ts";
import { type Tensor, tensor } from "../src/ir/tensor.ts";
import { crossEntropy } from "../src/loss/crossEntropy.ts";
import { readModel } from "../src/onnx/decode.ts";
import { createProblem, type Problem } from "../src/operators/problem.ts";
import { randomStream } from "../src/random/random.ts";
import { cnn, mlp } from "./models.ts";
import { nanoGpt } from "./nanoGpt.ts";
import { resnet18 } from "./resnet18.ts";

export interface BenchProblem {
  readonly title: string;
  readonly model: () => Uint8Array;
  /** Shape of a row. */
  readonly row: readonly number[];
  readonly batch: number;
  /** Rows are token ids below this; normal numbers unless said. */
  readonly vocabulary?: number;
  /** Labels of a row, one of this many classes: 10 unless said. */
  readonly target?: { readonly shape: readonly number[]; readonly classes: number };
  /** A run takes so little that many are made. */
  readonly tiny?: boolean;
}

export const benchProblems: Readonly<Record<string, BenchProblem>> = {
  mlp: {
    title: "MLP 784-1024-512-256-128-64-10, batch 512",
    model: () => mlp([784, 1024, 512, 256, 128, 64, 10]),
    row: [784],
    batch: 512,
  },
  cnn: { title: "CNN 16-32 channels, 32×32, batch 64", model: cnn, row: [3, 32, 32], batch: 64 },
  small: { title: "MLP 20-16-10, batch 32", model: () => mlp([20, 16, 10]), row: [20], batch: 32, tiny: true },
};

export const architectures: Readonly<Record<string, BenchProblem>> = {
  resnet18: { title: "ResNet-18, 32×32, batch 64", model: resnet18, row: [3, 32, 32], batch: 64 },
  nanogpt: {
    title: "nanoGPT: 6 layers, width 384, context 256, 65 characters, batch 4",
    model: nanoGpt,
    row: [256],
    batch: 4,
    vocabulary: 65,
    target: { shape: [256], classes: 65 },
  },
};

/** The problem on an engine, its safeguards off so that a call is one product. */
export async function benchProblem(one: BenchProblem, engine: Engine): Promise<Problem> {
  const { model, row, batch, vocabulary, target: labels = { shape: [], classes: 10 } } = one;
  const stream = randomStream(3, "benchmark data");
  const count = batch * sizeOf(row);
  const x: Tensor =
    vocabulary === undefined
      ? tensor(
          "float32",
          [batch, ...row],
          Float32Array.from({ length: count }, () => stream.normal()),
        )
      : tensor(
          "int64",
          [batch, ...row],
          Float64Array.from({ length: count }, () => stream.integer(vocabulary)),
        );
  const target = tensor(
    "int64",
    [batch, ...labels.shape],
    Float64Array.from({ length: batch * sizeOf(labels.shape) }, () => stream.integer(labels.classes)),
  );
  const data: Dataset = {
    name: "random",
    rows: batch,
    batchSize: batch,
    async *batches() {
      yield { inputs: { x }, target, rows: batch };
    },
  };
  return createProblem({ model: await readModel(model()), data, loss: crossEntropy(), engine, checks: false });
}

/** A random vector of `k` rows. */
export function benchVector(problem: Problem, k: number): Float64Array {
  const stream = randomStream(5, "benchmark vectors");
  return Float64Array.from({ length: k * problem.space.size }, () => stream.normal());
}
