/**
 * What a new node reduces to, where it does nothing or can be joined with the node below it.
 *
 * Only identities that hold for every value, infinities and NaN included: x·1 = x, but never x·0 = 0.
 */
import type { GraphBuilder } from "./builder.ts";
import type { Value } from "./graph.ts";
import type { AttrsOf, OpType } from "./ops.ts";
import { broadcastShapes, sameShape, sizeOf } from "./shape.ts";

type Simplification<Op extends OpType> = (
  g: GraphBuilder,
  inputs: readonly Value[],
  attrs: AttrsOf<Op>,
) => Value | undefined;

/** The one number that a constant consists of, if it does. */
export function uniformValue(value: Value): number | undefined {
  if (value.op === "Expand") return uniformValue(value.inputs[0]!);
  if (value.op !== "Constant" || value.attrs.value.data.length === 0) return undefined;
  const { data } = value.attrs.value;
  const [first] = data;
  return data.length <= 64 && data.every((x) => x === first) ? first : undefined;
}

/** `x` if broadcasting it with `other` leaves its shape alone. */
const unlessStretched = (x: Value, other: Value): Value | undefined =>
  sameShape(broadcastShapes(x.shape, other.shape), x.shape) ? x : undefined;

/** x ∘ neutral = x */
const dropRight =
  (neutral: number) =>
  (_: GraphBuilder, [a, b]: readonly Value[]): Value | undefined =>
    uniformValue(b!) === neutral ? unlessStretched(a!, b!) : undefined;

/** x ∘ neutral = neutral ∘ x = x */
const dropEither =
  (neutral: number) =>
  (g: GraphBuilder, [a, b]: readonly Value[]): Value | undefined =>
    dropRight(neutral)(g, [a!, b!]) ?? dropRight(neutral)(g, [b!, a!]);

const isRange = (perm: readonly number[]): boolean => perm.every((p, i) => p === i);

/** The last two axes swapped, all others in place. */
const isSwap = (perm: readonly number[]): boolean =>
  perm.length >= 2 && perm.every((p, i) => p === (i < perm.length - 2 ? i : i === perm.length - 1 ? i - 1 : i + 1));

/** Moving only axes of length 1 is a reshape. */
function movesOnlyOnes(perm: readonly number[], shape: readonly number[]): boolean {
  const long = perm.filter((p) => shape[p] !== 1);
  return long.every((p, i) => i === 0 || p > long[i - 1]!);
}

const table: { readonly [Op in OpType]?: Simplification<Op> } = {
  Add: dropEither(0),
  Mul: (g, [a, b]) =>
    dropEither(1)(g, [a!, b!]) ??
    (uniformValue(b!) === -1 && unlessStretched(a!, b!) ? g.neg(a!) : undefined) ??
    (uniformValue(a!) === -1 && unlessStretched(b!, a!) ? g.neg(b!) : undefined),
  Sub: dropRight(0),
  Max: dropEither(Number.NEGATIVE_INFINITY),
  Min: dropEither(Number.POSITIVE_INFINITY),
  Div: dropRight(1),
  Pow(g, [x, p]) {
    const power = uniformValue(p!);
    if (power === 2) return unlessStretched(x!, p!) && g.mul(x!, x!);
    return power === 1 ? unlessStretched(x!, p!) : undefined;
  },
  // A right factor that is one matrix multiplies all rows of the left at once: the transpose rule then sums over the
  // batch inside one product, and a layer's input has the form [rows, features].
  MatMul(g, [a, b]) {
    if (b!.shape.length !== 2 || a!.shape.length === 2) return undefined;
    if (a!.op === "Transpose" && isSwap(a!.attrs.perm)) return undefined; // flattening would have to move every element
    const rows = sizeOf(a!.shape.slice(0, -1));
    const flat = g.matmul(g.reshape(a!, [rows, a!.shape.at(-1)!]), b!);
    return g.reshape(flat, [...a!.shape.slice(0, -1), b!.shape[1]!]);
  },
  Neg: (_, [x]) => (x!.op === "Neg" ? x!.inputs[0] : undefined),
  Not: (_, [x]) => (x!.op === "Not" ? x!.inputs[0] : undefined),
  Cast: (_, [x], { to }) => (x!.dtype === to ? x : undefined),
  Concat: (_, inputs) => (inputs.length === 1 ? inputs[0] : undefined),
  Pad: (_, [x], { before, after }) => ([...before, ...after].every((n) => n === 0) ? x : undefined),

  Expand(g, [x], { shape }) {
    if (sameShape(x!.shape, shape)) return x;
    return x!.op === "Expand" ? g.expand(x!.inputs[0]!, shape) : undefined;
  },
  Reshape(g, [x], { shape }) {
    if (sameShape(x!.shape, shape)) return x;
    if (x!.op === "Reshape") return g.reshape(x!.inputs[0]!, shape);
    // A constant that fills a tensor stays a fill.
    if (x!.op === "Expand" && x!.inputs[0]!.shape.length === 0) return g.expand(x!.inputs[0]!, shape);
    return undefined;
  },
  Transpose(g, [x], { perm }) {
    if (isRange(perm)) return x;
    if (x!.op === "Transpose") {
      const inner = x!.attrs.perm;
      return g.transpose(
        x!.inputs[0]!,
        perm.map((p) => inner[p]!),
      );
    }
    // (A B)ᵀ = Bᵀ Aᵀ where that cancels a transpose below: a weight's gradient then comes out in the weight's own layout.
    if (
      x!.op === "MatMul" &&
      isSwap(perm) &&
      x!.inputs.some((input) => input.op === "Transpose" && isSwap(input.attrs.perm))
    ) {
      const [a, b] = x!.inputs;
      return g.matmul(g.transpose(b!), g.transpose(a!));
    }
    if (movesOnlyOnes(perm, x!.shape))
      return g.reshape(
        x!,
        perm.map((p) => x!.shape[p]!),
      );
    return undefined;
  },
  Slice: (_, [x], { starts, sizes, steps }) =>
    sameShape(x!.shape, sizes) && starts.every((s) => s === 0) && steps.every((s) => s === 1) ? x : undefined,
  ReduceSum(g, [x], { axes, keepdims }) {
    if (axes.some((axis) => x!.shape[axis] !== 1)) return undefined;
    return g.reshape(x!, keepdims ? x!.shape : x!.shape.filter((_, axis) => !axes.includes(axis)));
  },
};

/** A value equal to `op(inputs)` that is simpler, or undefined. */
export function simplify<Op extends OpType>(
  g: GraphBuilder,
  op: Op,
  inputs: readonly Value[],
  attrs: AttrsOf<Op>,
): Value | undefined {
  return (table[op] as Simplification<Op> | undefined)?.(g, inputs, attrs);
}
