/** Runs the Laplace plugin on files. */
import { createHost } from "@hessonite/core";
import { laplace, laplaceOptions as pluginOptions } from "@hessonite/laplace";
import type { CommandContext } from "../command.ts";
import { datasetFile } from "../options/datasetFile.ts";
import { openEngine } from "../options/engine.ts";
import { fileIdentity } from "../options/fileIdentity.ts";
import { version } from "../version.ts";
import type { LaplaceOptions } from "./options.ts";
import type { LaplaceCommandResult } from "./result.ts";

export async function runLaplace(options: LaplaceOptions, context: CommandContext): Promise<LaplaceCommandResult> {
  const { signal, progress, note } = context;
  const start = performance.now();
  await using engine = await openEngine(options);
  await using host = createHost({ engine, memory: options.maxMemory });
  const found = await progress.stage("laplace", 100, (done) =>
    host.run(laplace, requestOf(options), {
      signal,
      onNote: note,
      onProgress: (at) => done(Math.round((100 * at.done) / Math.max(1, at.total))),
    }),
  );
  const { seed, samples, structure } = options;
  return {
    kind: "laplace",
    model: await fileIdentity(options.model),
    train: options.train === undefined ? null : await fileIdentity(options.train),
    ...found,
    settings: { version, seed, samples, structure, ...engine.settings },
    seconds: (performance.now() - start) / 1000,
  };
}

function requestOf(options: LaplaceOptions) {
  const { model, train, heldOut, other, trainRows, heldOutRows, otherRows, weights, ...rest } = options;
  const [first] = weights;
  const single = weights.length === 1 && ["auto", "all", "last-layer"].includes(first ?? "");
  return {
    inputs: {
      model,
      ...(train && { train: datasetFile(options, train, trainRows) }),
      ...(heldOut && { heldOut: datasetFile(options, heldOut, heldOutRows) }),
      ...(other && { other: datasetFile(options, other, otherRows) }),
    },
    options: { ...laplaceChoices.parse(rest), weights: single ? first : weights },
  };
}

/** The plugin's own options: the command's others are dropped. */
const laplaceChoices = pluginOptions.omit({ weights: true });
