/** A training set with wrong labels, and a network that was trained on it. */
import {
  createProblem,
  createTrainer,
  crossEntropy,
  datasetFromFile,
  type Engine,
  type Loss,
  ortNodeEngine,
  type ParameterSpace,
  type Problem,
  randomStream,
  readTensors,
  tensorsOf,
  writeNpz,
  writePatchedModel,
} from "@hessonite/core";

const [classes, seed] = [10, 1];

export async function digitProblem(
  model: string,
  data: string,
  engine: Engine,
  loss: Loss = crossEntropy(),
): Promise<Problem> {
  const modelInputs = [{ name: "x", dtype: "float32" as const }];
  return createProblem({
    model,
    data: await datasetFromFile(data, { modelInputs, batchSize: 64, scale: 1 / 255 }),
    loss,
    engine,
  });
}

/** Writes the data with a share of the labels moved to another class; 1 for each row that was. */
export async function flippedLabels(source: string, target: string, share: number): Promise<Uint8Array> {
  const { tensors } = await readTensors(source);
  const [x, y] = await Promise.all(["x", "y"].map((name) => tensors.get(name)?.read()));
  if (!x || !y) throw new Error(`internal: ${source} lacks x or y`);
  const stream = randomStream(seed, "flips");
  const labels = Float64Array.from(y.data);
  const flipped = new Uint8Array(labels.length);
  for (const row of stream.permutation(labels.length).subarray(0, share * labels.length)) {
    flipped[row] = 1;
    labels[row] = ((labels[row] ?? 0) + 1 + stream.integer(classes - 1)) % classes;
  }
  await writeNpz(target, { x, y: { ...y, data: labels } });
  return flipped;
}

/** Trains the model's form from fresh weights by Adam, and writes it. */
export async function trainedAnew(
  model: string,
  data: string,
  target: string,
  { epochs, loss }: { readonly epochs: number; readonly loss: Loss },
): Promise<void> {
  await using engine = ortNodeEngine();
  await using problem = await digitProblem(model, data, engine, loss);
  await using trainer = await createTrainer(problem);
  const { theta } = await trainer.train({
    optimizer: { kind: "adam", learningRate: 2e-3 },
    epochs,
    batchSize: 64,
    start: freshWeights(problem.space),
    seed,
  });
  await writePatchedModel(model, target, tensorsOf(problem.space, theta));
}

/** He initialisation: weights of variance 2 / fan-in, biases 0. */
function freshWeights({ parameters, size }: ParameterSpace): Float64Array {
  const stream = randomStream(seed, "initial weights");
  const theta = new Float64Array(size);
  for (const { shape, offset, size: count } of parameters) {
    if (shape.length < 2) continue;
    const width = Math.sqrt(2 / shape.slice(1).reduce((a, b) => a * b, 1));
    for (let i = 0; i < count; i++) theta[offset + i] = width * stream.normal();
  }
  return theta;
}
