/**
 * The residual network of eight layers (testdata/resnet) with fewer channels: what is left of its accuracy, FLOPs, bytes and
 * latency, by several ways to choose channels and to make up for them. 300 calibration rows, whose labels are not used;
 * accuracy on 2,000 others. Groups shrink to multiples of 16, which the runtime's convolutions work on at once.
 */
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { crossEntropy, type Dataset, datasetFromFile, type Engine, type Tensor, take } from "@hessonite/core";
import {
  type ChannelCompensation,
  type ChannelCostName,
  compareLatency,
  type LatencyComparison,
  pruneChannels,
  qualityOf,
} from "../src/index.ts";

export interface ChannelRow {
  readonly name: string;
  /** Percent of the held-out rows, and their mean loss. */
  readonly accuracy: number;
  readonly loss: number;
  /** Dense over pruned. */
  readonly flops: number;
  readonly parameters: number;
  readonly bytes: number;
  /** Median of dense / pruned by rows of a run, one thread. */
  readonly latency: Readonly<Record<number, LatencyComparison>>;
  /** Channels left of each group. */
  readonly channels: readonly string[];
}

export interface ChannelMethod {
  readonly name: string;
  readonly by: ChannelCostName;
  readonly across: "global" | "uniform";
  readonly compensate: ChannelCompensation;
}

export const channelMethods: readonly ChannelMethod[] = [
  { name: "magnitude, same share of each group", by: "magnitude", across: "uniform", compensate: "none" },
  { name: "magnitude, layers fitted", by: "magnitude", across: "uniform", compensate: "least-squares" },
  { name: "OBS, joint update", by: "obs", across: "global", compensate: "joint" },
  { name: "OBS, layers fitted", by: "obs", across: "global", compensate: "least-squares" },
  { name: "KFAC, layers fitted", by: "kfac", across: "global", compensate: "least-squares" },
];

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const path = at("../testdata/resnet/resnet8.onnx");

/** Images of `rows` rows: noise, as latency does not depend on them. */
function feeds(rows: number): Record<string, Tensor> {
  const data = Float32Array.from({ length: rows * 784 }, (_, i) => Math.abs(Math.sin(i * 12.9898)));
  return { x: { dtype: "float32", shape: [rows, 1, 28, 28], data } };
}

export interface ChannelStudy {
  readonly dense: { readonly accuracy: number; readonly loss: number; readonly bytes: number };
  row(method: ChannelMethod): Promise<ChannelRow>;
}

/** @param share Of the FLOPs that has to go. */
export async function channelStudy(engine: Engine, share = 0.6): Promise<ChannelStudy> {
  const modelInputs = [{ name: "x", dtype: "float32" as const }];
  const open = (file: string, batchSize: number): Promise<Dataset> =>
    datasetFromFile(at(file), { scale: 1 / 255, modelInputs, batchSize });
  const data = take(await open("../../../testdata/mnist/digits-train.npz", 100), 300);
  const heldOut = await open("../testdata/mnist/test.npz", 500);
  const loss = crossEntropy();
  const file = await readFile(path);
  const dense = await qualityOf(file, heldOut, loss, engine);
  return {
    dense: { accuracy: 100 * dense.accuracy!, loss: dense.loss, bytes: file.length },
    async row({ name, ...method }) {
      const budget = { of: "flops", share } as const;
      const pruned = await pruneChannels(file, {
        ...method,
        data,
        budget,
        loss,
        multiple: 16,
        positions: 3000,
        engine,
      });
      const quality = await qualityOf(pruned.file, heldOut, loss, engine);
      const latency: Record<number, LatencyComparison> = {};
      for (const rows of [1, 32])
        latency[rows] = await compareLatency(file, pruned.file, feeds(rows), { rounds: rows === 1 ? 400 : 60 });
      return {
        name,
        accuracy: 100 * quality.accuracy!,
        loss: quality.loss,
        flops: pruned.before.flops / pruned.after.flops,
        parameters: pruned.before.parameters / pruned.after.parameters,
        bytes: pruned.file.length,
        latency,
        channels: pruned.groups.map(({ before, after }) => `${after}/${before}`),
      };
    },
  };
}
