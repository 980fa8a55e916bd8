/**
 * Two studies of one kind: classifiers fine-tuned from one weak base, each on some of ten digits, are merged and judged on all
 * ten, over five seeds. Everything is chosen automatically, on rows that the judging never sees.
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
  gradientAndLoss,
  readModel,
} from "@hessonite/core";
import { type ChoiceName, type MergeMethodName, type MergeSetting, type MergeTask, mergeModels } from "../src/index.ts";

export interface Study {
  /** Folder of testdata/. */
  readonly folder: string;
  readonly title: string;
  readonly tasks: readonly string[];
  /** Of a row. */
  readonly shape: readonly number[];
  readonly scale: number;
}

export const studies = {
  digits: {
    folder: "digits",
    title: "scikit-learn's digits, MLP 64-40-40-10, tasks 0–4 and 5–9",
    tasks: ["a", "b"],
    shape: [64],
    scale: 1 / 16,
  },
  mnist: {
    folder: "mnist",
    title: "MNIST, three convolutions and a linear layer, tasks 0–3, 4–6 and 7–9",
    tasks: ["a", "b", "c"],
    shape: [1, 28, 28],
    scale: 1 / 255,
  },
} as const satisfies Record<string, Study>;

export const studyMethods: readonly MergeMethodName[] = [
  "average",
  "ties",
  "fisher",
  "regmean",
  "regmean++",
  "kfac",
  "ekfac",
  "ggn",
  "function",
];

export const seeds = [0, 1, 2, 3, 4] as const;

/** On the test rows of one seed. */
export interface Score {
  /** Percent. */
  readonly accuracy: number;
  /** Mean negative log-likelihood. */
  readonly loss: number;
}

export type Scores = ReadonlyMap<MergeMethodName, readonly Score[]>;

export interface StudyOptions {
  readonly methods?: readonly MergeMethodName[];
  readonly choose?: readonly ChoiceName[];
  readonly only?: readonly number[];
}

function rowsOf({ folder, shape, scale }: Study, name: string): Promise<Dataset> {
  return datasetFromFile(pathOf(folder, `${name}.npz`), {
    modelInputs: [{ name: "x", dtype: "float32", shape: [null, ...shape] }],
    scale,
    batchSize: 256,
  });
}

function pathOf(folder: string, name: string): string {
  return fileURLToPath(new URL(`../testdata/${folder}/${name}`, import.meta.url));
}

export async function settingOf(study: Study, seed: number, engine: Engine): Promise<MergeSetting> {
  const tasks: MergeTask[] = [];
  for (const name of study.tasks) {
    tasks.push({
      name,
      model: await readModel(pathOf(study.folder, `${name}-${seed}.onnx`)),
      data: await rowsOf(study, `train-${name}`),
      heldOut: await rowsOf(study, `valid-${name}`),
    });
  }
  const base = await readModel(pathOf(study.folder, `base-${seed}.onnx`));
  return { tasks, base, loss: crossEntropy(), engine };
}

/** One score a seed of every method. */
export async function runStudy(study: Study, engine: Engine, options: StudyOptions = {}): Promise<Scores> {
  const { methods = studyMethods, choose, only = seeds } = options;
  const test = await rowsOf(study, "test");
  const scores = new Map<MergeMethodName, Score[]>();
  for (const seed of only) {
    const setting = await settingOf(study, seed, engine);
    for (const method of methods) {
      const { space, values } = await mergeModels(setting, { method, ...(choose ? { choose } : {}) });
      const [first] = setting.tasks;
      if (!first) continue;
      const model = atPoint(first.model, space, values);
      await using problem = await createProblem({ model, data: test, loss: setting.loss, engine, checks: false });
      const { loss } = await gradientAndLoss(problem);
      const own = { accuracy: 100 * ((await accuracy(problem)) ?? Number.NaN), loss };
      scores.set(method, [...(scores.get(method) ?? []), own]);
    }
  }
  return scores;
}

/** The mean over seeds. */
export function meanScore(scores: Scores, method: MergeMethodName): Score {
  const list = scores.get(method) ?? [];
  const mean = (of: keyof Score): number => list.reduce((sum, score) => sum + score[of], 0) / list.length;
  return { accuracy: mean("accuracy"), loss: mean("loss") };
}

/** How much better `method` is than `other`, seed by seed, in the mean: both positive where it is better. */
export function gain(scores: Scores, method: MergeMethodName, other: MergeMethodName): Score {
  const [a, b] = [meanScore(scores, method), meanScore(scores, other)];
  return { accuracy: a.accuracy - b.accuracy, loss: b.loss - a.loss };
}
