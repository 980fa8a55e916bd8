/** Values of parameters as a file has to store them: under its own names, copies with their originals, aliases apart. */
import type { NumericArray, Tensor } from "../../ir/tensor.ts";
import type { Initializer, OnnxModel, OnnxNode } from "../model.ts";
import { storedName } from "./storage.ts";

export interface StoredValues {
  /** New values by stored name. */
  readonly values: ReadonlyMap<string, Tensor>;
  readonly splits: readonly Split[];
}

/** A parameter that was stored with another one and no longer equals it: it needs a tensor of its own. */
export interface Split {
  readonly name: string;
  /** The stored tensor that it leaves. */
  readonly of: string;
  readonly value: Tensor;
  /** The nodes that take it, and where among their inputs. */
  readonly uses: readonly { readonly node: OnnxNode; readonly position: number }[];
}

/**
 * @param model Names the parameters: the file's own, or with ties made or undone.
 * @param values By the names of parameters or of stored tensors; what is not named keeps its value.
 * @returns Values for `patchModel`; names that the model does not know are passed on.
 */
export function storedValues(model: OnnxModel, values: ReadonlyMap<string, Tensor>): StoredValues {
  const stored = new Map<string, Tensor>();
  const splits: Split[] = [];
  const given = byParameter(model, values);
  const aliases = aliasesOf(model);
  for (const owner of owners(model)) {
    const value = given.get(owner.name);
    if (value) {
      stored.set(storedName(owner), value);
      for (const copy of owner.storage?.copies ?? [])
        stored.set(copy.name, copy.transposed ? transposed(value) : value);
    }
    splits.push(...leaving(model, owner, aliases.get(storedName(owner)) ?? [], given));
  }
  for (const [name, value] of given) if (!model.initializers.has(name)) stored.set(name, value);
  return { values: stored, splits };
}

/** Parameters that are stored with another one, by the stored name. */
function aliasesOf(model: OnnxModel): Map<string, Initializer[]> {
  const found = new Map<string, Initializer[]>();
  for (const one of model.initializers.values())
    if (one.storage?.shared) found.set(one.storage.name, [...(found.get(one.storage.name) ?? []), one]);
  return found;
}

/** Those that keep their place: one for each stored tensor. */
const owners = (model: OnnxModel): Initializer[] =>
  [...model.initializers.values()].filter(({ storage }) => !storage?.shared);

/** A stored name is its owner's, unless a parameter is called so. */
function byParameter(model: OnnxModel, values: ReadonlyMap<string, Tensor>): Map<string, Tensor> {
  const called = new Map(owners(model).map((owner) => [storedName(owner), owner.name]));
  return new Map(
    [...values].map(([name, value]) => [model.initializers.has(name) ? name : (called.get(name) ?? name), value]),
  );
}

/** The aliases whose value will not be the owner's. */
function leaving(
  model: OnnxModel,
  owner: Initializer,
  aliases: readonly Initializer[],
  given: ReadonlyMap<string, Tensor>,
): Split[] {
  const kept = given.get(owner.name);
  if (!kept && !aliases.some(({ name }) => given.has(name))) return [];
  const shared = kept ?? owner.read();
  return aliases.flatMap((alias) => {
    const value = given.get(alias.name) ?? alias.read();
    return equal(value.data, shared.data)
      ? []
      : [{ name: alias.name, of: storedName(owner), value, uses: usesOf(model, alias.name) }];
  });
}

const equal = (a: NumericArray, b: NumericArray): boolean =>
  a.length === b.length && a.every((x: number, i: number) => Object.is(x, b[i]));

function usesOf({ nodes }: OnnxModel, name: string): Split["uses"] {
  return nodes.flatMap((node) =>
    node.inputs.flatMap((input, position) => (input === name ? [{ node, position }] : [])),
  );
}

function transposed({ dtype, shape, data }: Tensor): Tensor {
  const [rows = 1, columns = 1] = shape;
  const mirrored = Float64Array.from({ length: data.length }, (_, i) => {
    const [row, column] = [i % rows, Math.floor(i / rows)];
    return data[row * columns + column]!;
  });
  return { dtype, shape: [columns, rows], data: mirrored };
}
