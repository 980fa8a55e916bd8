/** Influence scores as a plugin: what the command line, configuration files and other programs ask for. */
import {
  datasetRef,
  definePlugin,
  modelRef,
  operatorKinds,
  operatorSpec,
  registerOperator,
  UsageError,
} from "@hessonite/core";
import { z } from "zod";
import { blockGgn } from "./blockGgn.ts";
import type { Context } from "./keepers.ts";
import { fitOneShard, type OneModel, prepareModel } from "./oneModel.ts";
import { resultOf, shardResult } from "./pluginResult.ts";
import { influenceOptions, influenceResult } from "./pluginSchemas.ts";
import { gathered } from "./scoreSinks.ts";

if (!operatorKinds().some(({ kind }) => kind === "block-ggn")) {
  registerOperator({
    kind: "block-ggn",
    summary: "each layer's exact Gauss-Newton matrix",
    options: z.object({}),
    build: blockGgn,
  });
}

/** Checkpoints: further models of the same form, whose scores are averaged. */
const checkpoints = z.array(modelRef).default([]).describe("further checkpoints, whose scores are averaged");

export const influence = definePlugin({
  name: "influence",
  summary: "Scores every training row by its influence on each query.",
  requires: { curvature: operatorSpec().default({ kind: "ekfac" }) },
  inputs: { model: modelRef, checkpoints, train: datasetRef, query: datasetRef.optional() },
  options: influenceOptions,
  result: influenceResult,
  async run(context): Promise<z.input<typeof influenceResult>> {
    const { inputs, options } = context;
    const all = [inputs.model, ...inputs.checkpoints];
    if (options.shard && options.shard.stage !== "scores") {
      let rows = 0;
      for (const model of all) rows = await fitOneShard(context, model);
      return shardResult(context, rows, all.length);
    }
    requireQuestion(context);
    const models: OneModel[] = [];
    for (const model of all) models.push(await prepareModel(context, model));
    const start = performance.now();
    const found = inputs.query ? await gathered(context, models) : undefined;
    return resultOf(context, models, found, (performance.now() - start) / 1000);
  },
});

function requireQuestion({ inputs, options }: Context): void {
  if (inputs.query || options.self) return;
  throw new UsageError("Cannot score as there are no queries", {
    try: "give query data, or ask for self-influence",
  });
}

/** For hosts that load plugins by the package's name. */
export const plugin = influence;
