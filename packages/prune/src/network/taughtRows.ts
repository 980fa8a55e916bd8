/** For tests: rows of an MLP 8-5-3 whose targets are its own outputs, so that squared error is the divergence from it. */
import {
  createProblem,
  type Dataset,
  datasetFromArrays,
  type Engine,
  type OnnxModel,
  predict,
  randomStream,
  squaredError,
} from "@hessonite/core";

export async function taughtRows(model: OnnxModel, engine: Engine, seed: number): Promise<Dataset> {
  const stream = randomStream(seed, "rows");
  const inputs = {
    x: { dtype: "float32" as const, shape: [60, 8], data: Float32Array.from({ length: 480 }, () => stream.normal()) },
  };
  const target = new Float32Array(180);
  const blank = { dtype: "float32" as const, shape: [60, 3], data: target.slice() };
  await using problem = await createProblem({
    model,
    data: datasetFromArrays({ inputs, target: blank }),
    loss: squaredError(),
    engine,
  });
  for await (const { firstRow, prediction } of predict(problem)) target.set(prediction.data as never, firstRow * 3);
  return datasetFromArrays({ inputs, target: { ...blank, data: target } });
}
