/** The options of `hessonite influence` as a request to the plugin. */
import { type LossSpec, type RunRequest, UsageError } from "@hessonite/core";
import { measurements } from "@hessonite/influence";
import { datasetFile } from "../options/datasetFile.ts";
import type { InfluenceOptions } from "./options.ts";

/** The rows that a report and a terminal name; scores themselves go to memory or to the file. */
export function requestOf(options: InfluenceOptions): RunRequest {
  requireSense(options);
  const { model, checkpoints = [], parameters, output, damping, inversion, detail, aggregate, self, raw } = options;
  const { queryRank, shard, stage, sumBy, topOnly, top, out } = options;
  return {
    inputs: {
      model,
      checkpoints,
      train: datasetFile(options, options.train, options.trainRows),
      ...(options.query && { query: datasetFile(options, options.query, options.queryRows) }),
    },
    operators: { curvature: curvatureOf(options) },
    options: {
      loss: lossOf(options),
      ...(options.measurement && { measurement: measurementOf(options.measurement) }),
      ...(parameters && { parameters }),
      ...(output && { output }),
      ...(damping !== undefined && { damping }),
      ...(shard && { shard: { ...shard, stage } }),
      ...(queryRank && { queryRank }),
      ...(sumBy && { sources: sumBy }),
      ...((topOnly || out) && { top }),
      ...(out && !topOnly && !sumBy && { scoresFile: out }),
      inversion,
      detail,
      aggregate,
      self,
      raw,
    },
  };
}

function requireSense({
  shard,
  out,
  stage,
  cache,
  samples,
  fisher,
  aggregate,
  queryIds,
  topOnly,
  strategy,
  groups,
}: InfluenceOptions): void {
  if (out && !/\.(npz|safetensors)$/.test(out)) {
    throw new UsageError("Cannot write scores as the file's name says no format that they are written in", {
      expected: "a name that ends in .npz or .safetensors",
      found: out,
    });
  }
  if (stage !== "scores" && !(shard && cache)) {
    throw new UsageError("Cannot fit one stage by itself as it takes a shard and a folder for it", {
      found: `--stage ${stage}`,
      try: "--shard 1/8 --cache FOLDER",
    });
  }
  if (shard && stage === "scores" && !out) {
    throw new UsageError("Cannot score a shard as there is no file for it", { try: "--out part.npz" });
  }
  if (shard && topOnly) {
    throw new UsageError("Cannot store the top rows of a shard alone as those of the whole may be others", {
      try: "leave --top-only out; influence reduce adds up whole scores",
    });
  }
  if (samples !== undefined && fisher !== "mc") {
    throw new UsageError("Cannot draw labels as the curvature takes none", { try: "--fisher mc" });
  }
  if (withoutFactors.includes(strategy) && (fisher || groups !== "exact")) {
    throw new UsageError("Cannot choose labels or groups of the curvature as the strategy takes neither", {
      found: `--strategy ${strategy} ${fisher ? `--fisher ${fisher}` : `--groups ${groups}`}`,
      try: "--strategy ekfac, kfac or diagonal",
    });
  }
  if (queryIds && aggregate !== "none") {
    throw new UsageError("Cannot name the queries as they are taken as one", { try: "--aggregate none" });
  }
}

/** Strategies that are exact, or no curvature at all. */
const withoutFactors: readonly string[] = ["ggn", "block-ggn", "identity"];

function curvatureOf({ strategy, fisher, samples, seed, groups }: InfluenceOptions) {
  const drawn = fisher === "mc" ? { samples: samples ?? 1, seed } : {};
  if (withoutFactors.includes(strategy)) return { kind: strategy };
  return {
    kind: strategy,
    ...(strategy !== "kfac" && { convention: "perDatum" }),
    ...(fisher && { fisher }),
    ...(groups !== "exact" && { groups }),
    ...drawn,
  };
}

function measurementOf(word: string) {
  if ((measurements as readonly string[]).includes(word)) return word;
  if (word.endsWith(".onnx")) return { graph: word };
  throw new UsageError("Cannot measure queries as the measurement is not known", {
    expected: `${measurements.join(", ")}, or an .onnx file`,
    found: word,
  });
}

function lossOf({
  loss,
  reduction,
  classWeights,
  ignoreIndex,
  labelSmoothing,
  targets,
  positiveWeight,
}: InfluenceOptions): LossSpec {
  return { name: loss, reduction, classWeights, ignoreIndex, labelSmoothing, targets, positiveWeight };
}
