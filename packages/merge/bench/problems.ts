/** What the methods of merging are timed on. */

import { fileURLToPath } from "node:url";
import {
  atPoint,
  crossEntropy,
  type Dataset,
  datasetFromFile,
  type Engine,
  randomStream,
  readModel,
  type Tensor,
} from "@hessonite/core";
import { resnet18 } from "../../core/bench/resnet18.ts";
import { type MergeMethodName, type MergeOptions, type MergeSetting, spaceOf, vectorOf } from "../src/index.ts";
import { settingOf, studies } from "./study.ts";

export interface MergeProblem {
  readonly title: string;
  setting(engine: Engine): Promise<MergeSetting>;
  /** Dampings are given, not chosen: choosing multiplies a solve by the size of the grid. */
  options(method: MergeMethodName): MergeOptions;
  readonly repeats: number;
}

const heavy = {
  fisher: { fisher: "mc", samples: 1, seed: 0 },
  relativeTolerance: 1e-12,
  maxIterations: 5,
  steps: 1,
} as const;

export const mergeProblems: Readonly<Record<string, MergeProblem>> = {
  digits: {
    title: "digits MLP 64-40-40-10, 2 models of 592 and 608 rows; exact Fisher matrices, solves to 1e-3",
    repeats: 3,
    async setting(engine) {
      const { tasks, base, loss } = await settingOf(studies.digits, 0, engine);
      const file = fileURLToPath(new URL("../testdata/digits/base.npz", import.meta.url));
      const baseData = await datasetFromFile(file, { modelInputs: [{ name: "x" }], scale: 1 / 16, batchSize: 256 });
      return { tasks: tasks.map(({ heldOut: _, ...task }) => task), ...(base ? { base } : {}), baseData, loss, engine };
    },
    options: (method) => ({ method, damping: 1e-2, anchor: "average", choose: [] }),
  },
  resnet18: {
    title:
      "ResNet-18, 2 models × 512 images of 32×32; Fisher matrices of one drawn label, five iterations a solve, one step",
    repeats: 1,
    async setting(engine) {
      const base = await readModel(resnet18());
      const space = spaceOf(base);
      const values = vectorOf(space, base);
      const tasks = ["a", "b"].map((name, i) => {
        const stream = randomStream(i, "fine-tuned");
        const moved = values.map((x) => x + 0.002 * stream.normal());
        return { name, model: atPoint(base, space, moved), data: images(name, 512) };
      });
      return { tasks, base, baseData: images("base", 512), loss: crossEntropy(), engine };
    },
    options: (method) => ({ method, damping: 1e-2, anchor: "average", choose: [], ...heavy }),
  },
};

/** Normal numbers with random labels. */
function images(name: string, rows: number): Dataset {
  const batch = 64;
  return {
    name,
    rows,
    batchSize: batch,
    async *batches() {
      const stream = randomStream(7, name);
      for (let first = 0; first < rows; first += batch) {
        const data = Float32Array.from({ length: batch * 3 * 32 * 32 }, () => stream.normal());
        const x: Tensor = { dtype: "float32", shape: [batch, 3, 32, 32], data };
        const labels = Float64Array.from({ length: batch }, () => stream.integer(10));
        yield { inputs: { x }, target: { dtype: "int64", shape: [batch], data: labels }, rows: batch };
      }
    },
  };
}
