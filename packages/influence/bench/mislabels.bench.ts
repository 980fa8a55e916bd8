/**
 * Finding flipped labels: a convolutional network is trained on 2,000 digits of which 10 % have a wrong label, and its rows are
 * ranked by self-influence, by loss and by the norm of their gradient, epoch by epoch.
 *
 *     pnpm bench mislabels [-- --epochs 8]
 *
 * The figure is the area under the ROC curve. Writes bench/results/mislabels.json.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import {
  createProblem,
  createTrainer,
  crossEntropy,
  datasetFromArrays,
  type OnnxModel,
  ortNodeEngine,
  type ParameterSpace,
  type Problem,
  predict,
  randomStream,
  readModel,
  readTensors,
  tensor,
  withValues,
} from "@hessonite/core";
import { fitCurvature, rankingQuality, selfInfluence } from "../src/index.ts";

const here = (path: string): string => fileURLToPath(new URL(`../../../testdata/mnist/${path}`, import.meta.url));
const words = process.argv.slice(2);
const epochs = Number(words[words.indexOf("--epochs") + 1] ?? 0) || 8;
const [classes, share, seed] = [10, 0.1, 1];

/** Images in [0, 1], and labels of which a share is moved to another class. */
async function flippedDigits() {
  const { tensors } = await readTensors(here("digits-train.npz"));
  const [x, y] = [await tensors.get("x")!.read(), await tensors.get("y")!.read()];
  const stream = randomStream(seed, "flips");
  const labels = Float64Array.from(y.data);
  const flipped = new Uint8Array(labels.length);
  for (const row of stream.permutation(labels.length).subarray(0, share * labels.length)) {
    flipped[row] = 1;
    labels[row] = (labels[row]! + 1 + stream.integer(classes - 1)) % classes;
  }
  const pixels = Float32Array.from(x.data, (v) => v / 255);
  const data = datasetFromArrays(
    { inputs: { x: tensor("float32", x.shape, pixels) }, target: tensor("int64", [labels.length], labels) },
    { batchSize: 64 },
  );
  return { data, labels, flipped };
}

/** He initialisation: weights of variance 2 / fan-in, biases 0. */
function freshStart({ parameters, size }: ParameterSpace): Float64Array {
  const stream = randomStream(seed, "initial weights");
  const theta = new Float64Array(size);
  for (const { shape, offset, size: count } of parameters) {
    if (shape.length < 2) continue;
    const width = Math.sqrt(2 / shape.slice(1).reduce((a, b) => a * b, 1));
    for (let i = 0; i < count; i++) theta[offset + i] = width * stream.normal();
  }
  return theta;
}

function at(model: OnnxModel, { parameters }: ParameterSpace, theta: Float64Array): OnnxModel {
  return withValues(
    model,
    new Map(
      parameters.map(({ name, shape, dtype, offset, size }) => [
        name,
        { dtype, shape, data: theta.slice(offset, offset + size) },
      ]),
    ),
  );
}

async function rowLosses(problem: Problem, labels: Float64Array): Promise<Float64Array> {
  const losses: number[] = [];
  for await (const { firstRow, rows, prediction } of predict(problem)) {
    for (let row = 0; row < rows; row++) {
      const f = Array.from(prediction.data.subarray(row * classes, (row + 1) * classes));
      const largest = Math.max(...f);
      losses.push(
        Math.log(f.reduce((sum, v) => sum + Math.exp(v - largest), 0)) + largest - f[labels[firstRow + row]!]!,
      );
    }
  }
  return Float64Array.from(losses);
}

const { data, labels, flipped } = await flippedDigits();
const model = await readModel(here("digits-cnn.onnx"));
await using engine = ortNodeEngine();
const common = { data, loss: crossEntropy(), engine };
await using problem = await createProblem({ model, ...common });
await using trainer = await createTrainer(problem);
let theta = freshStart(problem.space);
const table: Record<string, number>[] = [];
console.log("epoch   loss    self-influence   loss of the row   gradient norm");
for (let epoch = 1; epoch <= epochs; epoch++) {
  const trained = await trainer.train({
    optimizer: { kind: "adam", learningRate: 2e-3 },
    epochs: 1,
    batchSize: 64,
    start: theta,
    seed: seed + epoch,
  });
  theta = trained.theta;
  await using now = await createProblem({ model: at(model, problem.space, theta), ...common, checks: false });
  const curvature = await fitCurvature(now);
  const row = {
    epoch,
    loss: trained.losses[0]!,
    selfInfluence: rankingQuality((await selfInfluence(curvature, now)).scores, flipped),
    rowLoss: rankingQuality(await rowLosses(now, labels), flipped),
    gradientNorm: rankingQuality(
      (await selfInfluence(await fitCurvature(now, { strategy: "identity" }), now)).scores,
      flipped,
    ),
  };
  table.push(row);
  const show = (x: number, width: number): string => x.toFixed(4).padStart(width);
  console.log(
    `${String(epoch).padStart(5)} ${show(row.loss, 8)} ${show(row.selfInfluence, 12)} ${show(row.rowLoss, 16)} ${show(row.gradientNorm, 16)}`,
  );
}
const folder = fileURLToPath(new URL("results", import.meta.url));
mkdirSync(folder, { recursive: true });
writeFileSync(`${folder}/mislabels.json`, `${JSON.stringify({ rows: labels.length, share, seed, table }, null, 2)}\n`);
