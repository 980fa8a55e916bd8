/**
 * A packed tensor as operators of the graph: the runtime folds them into a constant as it loads the model.
 *
 *     bits = ⌊bitmap / (1, 2, 4, … 128)⌋ mod 2,   at = where bits are 1,   tensor = usual everywhere, values at `at`
 */
import type { NewNode, NewTensor, Tensor } from "@hessonite/core";

/** The first operator set that has them all. */
export const decoderOpset = 11;

/** What the decoders of a model share. */
export interface DecoderNames {
  readonly powers: string;
  readonly two: string;
  readonly asColumn: string;
  readonly asVector: string;
}

export function sharedTensors(names: DecoderNames): Map<string, NewTensor> {
  const int32 = (shape: readonly number[], list: readonly number[]): Tensor => ({
    dtype: "int32",
    shape,
    data: Int32Array.from(list),
  });
  return new Map([
    [names.powers, int32([8], [1, 2, 4, 8, 16, 32, 64, 128])],
    [names.two, int32([], [2])],
    [names.asColumn, lengths([-1, 1])],
    [names.asVector, lengths([-1])],
  ]);
}

export interface Decoder {
  readonly nodes: readonly NewNode[];
  readonly tensors: ReadonlyMap<string, NewTensor>;
}

/** @param name The tensor's, which the last node gives. @param bitmap and values: names of stored tensors. */
export function decoderOf(
  { name, shape, usual }: { readonly name: string; readonly shape: readonly number[]; readonly usual: Tensor },
  { bitmap, values }: { readonly bitmap: string; readonly values: string },
  shared: DecoderNames,
  fresh: (hint: string) => string,
): Decoder {
  const count = shape.reduce((n, d) => n * d, 1);
  const of = (part: string): string => fresh(`${name}_${part}`);
  const [usualName, countName, shapeName] = [of("usual"), of("count"), of("shape")];
  const [whole, column, shifted, bits, flat, inside] = ["whole", "column", "shifted", "bits", "flat", "inside"].map(
    of,
  ) as [string, string, string, string, string, string];
  const [found, at, base, filled] = ["found", "at", "base", "filled"].map(of) as [string, string, string, string];
  const [starts, ends] = [of("starts"), of("ends")];
  const node = (opType: string, inputs: string[], output: string, attrs: NewNode["attrs"] = {}): NewNode => ({
    name: output,
    opType,
    inputs,
    outputs: [output],
    attrs,
  });
  return {
    nodes: [
      node("Cast", [bitmap], whole, { to: { kind: "int", value: int32Code } }),
      node("Reshape", [whole, shared.asColumn], column),
      node("Div", [column, shared.powers], shifted),
      node("Mod", [shifted, shared.two], bits),
      node("Reshape", [bits, shared.asVector], flat),
      node("Slice", [flat, starts, ends], inside),
      node("NonZero", [inside], found),
      node("Transpose", [found], at, { perm: { kind: "ints", value: [1, 0] } }),
      node("Expand", [usualName, countName], base),
      node("ScatterND", [base, at, values], filled),
      node("Reshape", [filled, shapeName], name),
    ],
    tensors: new Map<string, NewTensor>([
      [usualName, usual],
      [countName, lengths([count])],
      [starts, lengths([0])],
      [ends, lengths([count])],
      [shapeName, lengths(shape)],
    ]),
  };
}

/** ONNX's number of int32. */
const int32Code = 6;

const lengths = (list: readonly number[]): Tensor => ({
  dtype: "int64",
  shape: [list.length],
  data: Float64Array.from(list),
});
