/** Inner values of a model on calibration rows, as ONNX Runtime computes them from its file. */
import {
  type Batch,
  type Dataset,
  editModel,
  openFileSession,
  readModelFile,
  type Tensor,
  UsageError,
} from "@hessonite/core";

export interface ActivationOptions {
  readonly signal?: AbortSignal;
}

/**
 * The values of each batch, by name.
 *
 * @throws {UsageError} if the data have no rows, or an input that the model does not have fed.
 */
export async function* activations(
  file: Uint8Array,
  names: readonly string[],
  data: Dataset,
  { signal }: ActivationOptions = {},
): AsyncGenerator<{ readonly batch: Batch; readonly values: Readonly<Record<string, Tensor>> }> {
  const { model } = await readModelFile(file);
  const given = new Set(model.outputs.map(({ name }) => name));
  const fed = new Set(model.inputs.map(({ name }) => name));
  const wanted = [...new Set(names)];
  const outputs = wanted.filter((name) => !given.has(name) && !fed.has(name));
  await using session = await openFileSession(editModel(file, { outputs }), { threads: 2 });
  let rows = 0;
  for await (const batch of data.batches()) {
    signal?.throwIfAborted();
    rows += batch.rows;
    const feeds = Object.fromEntries(model.inputs.map(({ name, dtype }) => [name, fedAs(batch, name, dtype)]));
    yield { batch, values: { ...feeds, ...(await session.run(feeds)) } };
  }
  if (rows === 0)
    throw new UsageError("Cannot measure activations as there are no calibration rows", { at: data.name });
}

/** In the type that the model declares: data may be held wider. */
function fedAs({ inputs }: Batch, name: string, dtype: Tensor["dtype"]): Tensor {
  const tensor = inputs[name];
  if (tensor) return { ...tensor, dtype };
  throw new UsageError("Cannot run the model as the data have no values for one of its inputs", {
    at: `input "${name}"`,
    found: Object.keys(inputs).join(", "),
  });
}
