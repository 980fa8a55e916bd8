/** What a caller says of a data file. */
import type { BatchOptions } from "./columnDataset.ts";
import type { NonFinite } from "./finite.ts";
import type { InputSpec } from "./inputSpec.ts";
import type { Scales } from "./scale.ts";

export interface FileOptions extends BatchOptions {
  /** What the model takes; names suffice, types and shapes are checked where given. */
  readonly modelInputs: readonly InputSpec[];
  /** The target's array. `y` unless given, and then it may be absent; `null` for none. */
  readonly target?: string | null | undefined;
  /** The array of multiplicities, `[rows]`; none unless given. */
  readonly weights?: string | undefined;
  /** An array of the labels' shape that is 0 at positions which do not count, as attention masks are; none unless given. */
  readonly mask?: string | undefined;
  readonly scale?: Scales | undefined;
  readonly nonFinite?: NonFinite | undefined;
  /** Arrays of more bytes than this stay in the file and are read batch by batch, where the format allows. */
  readonly residentBytes?: number;
}

const defaultTarget = "y";

/** The key of the target; undefined if there is none to read. `suffix` follows the name in files of pairs. */
export function targetKey(
  target: string | null | undefined,
  file: { readonly tensors: { has(key: string): boolean } },
  suffix = "",
): string | undefined {
  if (target !== undefined) return target ?? undefined;
  return file.tensors.has(defaultTarget + suffix) ? defaultTarget : undefined;
}
