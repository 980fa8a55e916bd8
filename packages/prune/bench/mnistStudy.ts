/**
 * The digits study: an MLP 784-40-20-10 without biases, trained on 8,000 images of MNIST, loses 95 % of its weights.
 *
 * Curvature and refits see training rows without their labels: the first 100 for curvature, 1,000 for refits. What is chosen
 * is chosen by the loss on training rows 1,000–1,999. Accuracies are of 2,000 rows that nothing else has seen.
 */
import { fileURLToPath } from "node:url";
import {
  accuracy,
  atPoint,
  createProblem,
  crossEntropy,
  type Dataset,
  datasetFromFile,
  type Engine,
  type OnnxModel,
  readModel,
  slice,
  type Vector,
} from "@hessonite/core";
import {
  type Augmentation,
  functionRefit,
  type Job,
  openJob,
  type PathPoint,
  type PruneOptions,
  pruneModel,
} from "../src/index.ts";

const file = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

export interface DigitsStudy {
  readonly model: OnnxModel;
  /** Training rows, of which the first are pruned with. */
  readonly training: Dataset;
  readonly heldOut: Dataset;
  readonly test: Dataset;
  readonly engine: Engine;
}

export async function digitsStudy(engine: Engine): Promise<DigitsStudy> {
  const model = await readModel(file("../testdata/mnist/mlp.onnx"));
  const rows = (path: string): Promise<Dataset> =>
    datasetFromFile(file(path), {
      modelInputs: [{ name: "x", dtype: "float32", shape: [null, 1, 28, 28] }],
      scale: 1 / 255,
      batchSize: 250,
    });
  const training = await rows("../../../testdata/mnist/digits-train.npz");
  return {
    model,
    training: slice(training, 0, 1000),
    heldOut: slice(training, 1000, 2000),
    test: await rows("../testdata/mnist/test.npz"),
    engine,
  };
}

/** A job that sees `rows` training rows, the first ones unless said. */
export function jobOf(
  { model, training, heldOut, engine }: DigitsStudy,
  { rows, from = 0, augment = "none" }: Pick<Variant, "rows" | "from" | "augment">,
): Promise<Job> {
  return openJob({ model, data: slice(training, from, from + rows), augment, heldOut, loss: crossEntropy(), engine });
}

/** In points. */
export async function testAccuracy({ model, test, engine }: DigitsStudy, job: Job, theta: Vector): Promise<number> {
  await using problem = await createProblem({
    model: atPoint(model, job.problem.space, theta),
    data: test,
    loss: crossEntropy(),
    engine,
    checks: false,
  });
  return 100 * ((await accuracy(problem)) ?? 0);
}

export interface Variant {
  readonly name: string;
  /** Training rows that are seen. */
  readonly rows: number;
  /** The first of them; 0 unless said. */
  readonly from?: number;
  /** More rows made of them; none unless said. */
  readonly augment?: Augmentation;
  /** Of the refit after the last shot; none unless said. */
  readonly refitSteps?: number;
  readonly options: Omit<PruneOptions, "sparsity">;
}

const oneShot = { rows: 100, options: {} };

const jointUpdate = { method: "ggn", rounds: 4, lambda: 1e-2, curvatureRows: 100 } as const;

/** No labels: at each shot the curvature of all 1,000 rows on the way from the dense model's predictions. */
export const tenShots = { method: "ggn", shots: 10, rounds: 2 } as const;

/** And three Gauss–Newton steps towards the dense model's predictions after each shot. */
export const tenShotsRefitted = { ...tenShots, refit: "function", refitSteps: 3 } as const;

/** By shifts and mixtures. */
const madeUp = { rows: 100, augment: "shift-mix" } as const;

/** What is compared: one shot on 100 rows by every method, then more shots and rows. λ by the held-out loss unless named. */
export const variants: readonly Variant[] = [
  { name: "magnitude", ...oneShot, options: { method: "magnitude" } },
  { name: "Wanda-like, layer by layer", ...oneShot, options: { method: "wanda" } },
  { name: "diagonal", ...oneShot, options: { method: "diagonal" } },
  ...[1e-3, 1e-2, 1e-1, 1].map(
    (lambda): Variant => ({
      name: `KFAC, joint update, λ ${lambda}`,
      ...oneShot,
      options: { method: "kfac", rounds: 2, lambda },
    }),
  ),
  { name: "EK-FAC, joint update", ...oneShot, options: { method: "ekfac", rounds: 2 } },
  { name: "Fisher, summed updates (WoodFisher)", ...oneShot, options: { method: "woodfisher" } },
  { name: "type-2, summed updates", ...oneShot, options: { method: "ggn", compensation: "summed" } },
  { name: "type-2, joint update", ...oneShot, options: jointUpdate },
  { name: "type-2, one shot, function-space refit on 1,000 rows", rows: 1000, refitSteps: 8, options: jointUpdate },
  { name: "type-2, ten shots on 100 rows", rows: 100, options: tenShots },
  { name: "type-2, ten shots on 100 rows made up to 2,000", ...madeUp, options: tenShots },
  {
    name: "type-2, ten shots on 100 rows made up to 2,000, refitted after the last",
    ...madeUp,
    refitSteps: 3,
    options: tenShots,
  },
  { name: "type-2, ten shots on 100 other rows made up to 2,000", ...madeUp, from: 100, options: tenShots },
  { name: "type-2, ten shots on 1,000 rows", rows: 1000, options: tenShots },
  { name: "type-2, ten shots on 1,000 rows, refitted after the last", rows: 1000, refitSteps: 3, options: tenShots },
  { name: "type-2, ten shots on 1,000 rows, refitted after each", rows: 1000, options: tenShotsRefitted },
];

export interface Outcome {
  readonly accuracy: number;
  readonly predictedLoss: number | null;
  readonly heldOutLoss: number;
  readonly curvature: string;
  readonly weightsLeft: number;
  readonly point: PathPoint;
}

/** Prunes to a sparsity, refits, and judges on the test rows. */
export async function outcomeOf(
  study: DigitsStudy,
  job: Job,
  { options, refitSteps }: Pick<Variant, "options" | "refitSteps">,
  sparsity: number,
): Promise<Outcome> {
  const { points, prunable } = await pruneModel(job, {
    ...options,
    sparsity,
    levels: options.shots ? undefined : [sparsity],
  });
  const last = points.at(-1)!;
  const point = refitSteps ? await functionRefit(job, { steps: refitSteps })(last) : last;
  return {
    accuracy: await testAccuracy(study, job, point.theta),
    predictedLoss: point.predicted,
    heldOutLoss: point.measured.loss,
    curvature: point.curvature,
    weightsLeft: prunable.weights - point.zeros,
    point,
  };
}
