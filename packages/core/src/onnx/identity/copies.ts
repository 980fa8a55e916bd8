/**
 * Parameters that hold the same values: aliases of one stored tensor, and bit-equal copies, transposed or not.
 *
 * A tied output layer is exported as a transposed copy of its embedding. Whether two equal tensors were one parameter is
 * for the user to say: equal values are reported here, and tied by `withTies`.
 */
import type { NumericArray } from "../../ir/tensor.ts";
import type { Initializer, OnnxModel } from "../model.ts";
import { initializerRoles, isParameterRole } from "../roles.ts";

export interface Copy {
  /** The parameter that is a copy, */
  readonly name: string;
  /** and the earlier one that it equals. */
  readonly of: string;
  readonly transposed: boolean;
}

/**
 * Every parameter that equals an earlier one. Tensors of a single value throughout, as zeros and ones, are left out unless
 * they share their storage.
 *
 * Cost: reads every parameter.
 */
export function equalParameters(model: OnnxModel): Copy[] {
  const groups = new Map<string, { readonly initializer: Initializer; readonly data: NumericArray }[]>();
  const copies: Copy[] = [];
  for (const { initializer, role } of initializerRoles(model)) {
    if (!isParameterRole(role) || initializer.shape.length === 0) continue;
    const { data } = initializer.read();
    const key = fingerprint(initializer, data);
    const group = groups.get(key) ?? [];
    groups.set(key, group);
    const earlier = group
      .map((one) => ({ one, how: equality(one.initializer, one.data, initializer, data) }))
      .find(({ how }) => how);
    if (earlier)
      copies.push({
        name: initializer.name,
        of: earlier.one.initializer.name,
        transposed: earlier.how === "transposed",
      });
    else group.push({ initializer, data });
  }
  return copies;
}

/** Equal for tensors that may be equal, in any order of their elements. */
function fingerprint({ shape }: Initializer, data: NumericArray): string {
  let [sum, squares] = [0, 0];
  for (const x of Float64Array.from(data).sort()) {
    sum += x;
    squares += x * x;
  }
  return `${[...shape].sort((a, b) => a - b)} ${sum} ${squares}`;
}

function equality(a: Initializer, x: NumericArray, b: Initializer, y: NumericArray): "same" | "transposed" | undefined {
  const shared = b.storage?.shared === true && (b.storage.name === a.name || b.storage.name === a.storage?.name);
  if (!shared && x.every((value: number) => value === x[0])) return undefined;
  if (a.shape.join() === b.shape.join() && x.every((value: number, i: number) => value === y[i])) return "same";
  const [rows, columns] = a.shape;
  if (a.shape.length !== 2 || rows !== b.shape[1] || columns !== b.shape[0]) return undefined;
  const mirrored = (i: number): number => (i % columns!) * rows! + Math.floor(i / columns!);
  return x.every((value: number, i: number) => value === y[mirrored(i)]) ? "transposed" : undefined;
}
