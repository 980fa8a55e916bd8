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
import { fixedBatch, padded } from "../../fixedBatch.ts";

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
  const fixed = fixedBatch(model) ?? 0;
  const outputs = wanted.filter((name) => !given.has(name) && !fed.has(name));
  await using session = await openFileSession(editModel(file, { outputs }), { threads: 2, rewriting: "basic" });
  let rows = 0;
  for await (const batch of data.batches()) {
    signal?.throwIfAborted();
    rows += batch.rows;
    const feeds = Object.fromEntries(model.inputs.map(({ name, dtype }) => [name, fedAs(batch, name, dtype)]));
    const whole = fixed > batch.rows ? mapValues(feeds, (tensor) => padded(tensor, batch.rows, fixed)) : feeds;
    const found = await session.run(whole);
    yield { batch, values: { ...feeds, ...mapValues(found, (tensor) => cut(tensor, batch.rows, fixed)) } };
  }
  if (rows === 0)
    throw new UsageError("Cannot measure activations as there are no calibration rows", { at: data.name });
}

function mapValues<T, U>(record: Readonly<Record<string, T>>, of: (value: T) => U): Record<string, U> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, of(value)]));
}

/** Without what padding gave; a value whose rows do not come first stays whole. */
function cut(tensor: Tensor, rows: number, fixed: number): Tensor {
  const [length = 0] = tensor.shape;
  if (fixed <= rows || length === 0 || length % fixed !== 0) return tensor;
  const kept = (length / fixed) * rows;
  const data = tensor.data.slice(0, (tensor.data.length / length) * kept);
  return { ...tensor, shape: [kept, ...tensor.shape.slice(1)], data };
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
