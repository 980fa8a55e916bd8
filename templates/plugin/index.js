/**
 * The trace of a curvature matrix, whole and by parameter: a plugin as small as it can be.
 *
 * A plugin is schemas and one function. The host validates what goes in and out, opens model and data, builds the operator that
 * is asked for, and shares all of it with other plugins.
 */
import { datasetRef, definePlugin, diagonalOf, lossSpec, modelRef, operatorSpec } from "@hessonite/core";
import { z } from "zod";

export const plugin = definePlugin({
  name: "trace",
  summary: "The trace of a curvature matrix, whole and by parameter.",
  requires: { curvature: operatorSpec().default({ kind: "ekfac" }) },
  inputs: { model: modelRef, train: datasetRef },
  options: z.object({
    loss: lossSpec,
    parameters: z.array(z.string()).optional().describe("names or globs of initializers; all weights unless said"),
  }),
  result: z.object({
    trace: z.number().nonnegative(),
    byParameter: z.array(z.object({ name: z.string(), trace: z.number() })),
  }),
  async run({ inputs, operators, options, problem, progress, signal }) {
    const { loss, parameters } = options;
    const train = await problem({ model: inputs.model, data: inputs.train, loss, ...(parameters && { parameters }) });
    const curvature = await operators.curvature(train);
    progress({ stage: "diagonal", done: 0, total: 1 });
    const diagonal = await diagonalOf(curvature, { signal });
    const byParameter = train.space.parameters.map(({ name, offset, size }) => ({
      name,
      trace: sumOf(diagonal.subarray(offset, offset + size)),
    }));
    return { trace: sumOf(diagonal), byParameter };
  },
});

const sumOf = (values) => values.reduce((sum, x) => sum + x, 0);
