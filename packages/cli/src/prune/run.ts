/** Runs the pruning plugin on files. */
import { createHost, UsageError } from "@hessonite/core";
import { methodChoices, prune } from "@hessonite/prune";
import type { CommandContext } from "../command.ts";
import { datasetFile } from "../options/datasetFile.ts";
import { openEngine } from "../options/engine.ts";
import { fileIdentity } from "../options/fileIdentity.ts";
import { openLoss } from "../options/loss.ts";
import { nearest } from "../schema/nearest.ts";
import { version } from "../version.ts";
import type { PruneOptions } from "./options.ts";
import { requireOwnFiles } from "./ownFiles.ts";
import type { PruneCommandResult } from "./result.ts";

export async function runPrune(options: PruneOptions, context: CommandContext): Promise<PruneCommandResult> {
  const { signal, progress, note } = context;
  const start = performance.now();
  await requireOwnFiles(options);
  const model = await fileIdentity(options.model); // before anything is written
  const request = requestOf(options);
  await using engine = await openEngine(options);
  await using host = createHost({ engine });
  const found = await progress.stage("pruning", 100, (done) =>
    host.run(prune, request, {
      signal,
      onNote: note,
      onProgress: (at) => done(Math.round((100 * at.done) / Math.max(1, at.total))),
    }),
  );
  const { shots, schedule, refit, fineTune } = options;
  return {
    kind: "prune",
    model,
    data: await fileIdentity(options.data),
    ...found,
    settings: { version, shots, schedule, refit, fineTune, ...engine.settings },
    seconds: (performance.now() - start) / 1000,
  };
}

function requestOf(options: PruneOptions) {
  const { model, data, heldOut, rows, heldOutRows, sparsity, maxDrop, compare, out, ...rest } = options;
  const { method, granularity, shots, schedule, compensation, refit, fineTune, distil, refine } = rest;
  const { lambda, blockSize, curvatureRows, augment, rounds, sequential, overwrite, budget, across } = rest;
  const { bits, standard, compact } = rest;
  return {
    inputs: {
      model,
      data: datasetFile(options, data, rows),
      ...(heldOut && { heldOut: datasetFile(options, heldOut, heldOutRows) }),
      loss: openLoss(options),
    },
    options: {
      method,
      granularity,
      shots,
      schedule,
      refit,
      fineTune,
      distil,
      refine,
      augment,
      rounds,
      sequential,
      overwrite,
      standard,
      compact,
      ...(bits !== undefined && { bits }),
      ...(compensation && { compensation }),
      ...(budget && { budget }),
      ...(across && { across }),
      ...(lambda !== undefined && { lambda }),
      ...(blockSize !== undefined && { blockSize }),
      ...(curvatureRows !== undefined && { curvatureRows }),
      ...(sparsity !== undefined && { sparsity }),
      ...(maxDrop !== undefined && { maxDrop }),
      ...(compare && { compare: methodsOf(compare) }),
      ...(out && { out }),
    },
  };
}

/** `--compare magnitude,wanda obc` */
function methodsOf(words: readonly string[]): (typeof methodChoices)[number][] {
  return words
    .flatMap((word) => word.split(","))
    .filter((word) => word !== "")
    .map((word) => {
      const known = methodChoices.find((name) => name === word);
      if (known) return known;
      const guess = nearest(word, methodChoices);
      throw new UsageError("Cannot compare by a method that is not known", {
        found: word,
        try: guess ? `${guess}?` : `one of ${methodChoices.join(", ")}`,
      });
    });
}
