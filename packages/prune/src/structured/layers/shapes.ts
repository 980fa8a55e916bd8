/** Shapes of a model's inputs for one run: those that it fixes, and one row of the data where it does not. */
import { type Dataset, type OnnxModel, UsageError } from "@hessonite/core";

/** @throws {UsageError} if the data have no rows, or no values for an input. */
export async function shapesOf(model: OnnxModel, data: Dataset): Promise<Record<string, readonly number[]>> {
  for await (const { inputs } of data.batches()) {
    return Object.fromEntries(
      model.inputs.map(({ name, shape }) => {
        const given = inputs[name]?.shape;
        if (!given) {
          throw new UsageError("Cannot run the model as the data have no values for one of its inputs", {
            at: `input "${name}"`,
            found: Object.keys(inputs).join(", "),
          });
        }
        const fixed = typeof shape?.[0] === "number" ? shape[0] : 1;
        return [name, [fixed, ...given.slice(1)]];
      }),
    );
  }
  throw new UsageError("Cannot prune as there are no calibration rows", { at: data.name });
}
