/** Losses by name, as the command line and configuration files name them. */
import { UsageError } from "../errors.ts";
import { type BinaryCrossEntropyOptions, binaryCrossEntropy } from "./binaryCrossEntropy.ts";
import { type CrossEntropyOptions, crossEntropy } from "./crossEntropy.ts";
import type { Loss } from "./loss.ts";
import { squaredError } from "./squaredError.ts";

const makers: Readonly<Record<string, (options: CrossEntropyOptions & BinaryCrossEntropyOptions) => Loss>> = {
  "cross-entropy": crossEntropy,
  mse: squaredError,
  "bce-with-logits": binaryCrossEntropy,
};

/** Names that `lossByName` knows. */
export const lossNames: readonly string[] = Object.keys(makers);

/**
 * A loss from its name.
 *
 * @throws {UsageError} if there is none of that name.
 */
export function lossByName(name: string, options: CrossEntropyOptions & BinaryCrossEntropyOptions = {}): Loss {
  const make = makers[name];
  if (!make) throw new UsageError("Cannot find a loss of this name", { expected: lossNames.join(", "), found: name });
  return make(options);
}
