/**
 * Builds graphs: infers types, shares equal nodes, folds constants and drops what does nothing, as nodes are made.
 *
 * Because a node that was made before is returned again, common subexpressions never exist and a transform may ask
 * for whatever it needs without counting. `build` keeps only what the outputs need. See docs/decisions/0002.
 */
import { HessoniteError, MismatchError } from "../errors.ts";
import type { Dtype } from "./dtype.ts";
import { type AnyNode, type Graph, type InputValue, type Origin, reachable, type Value } from "./graph.ts";
import { type InferRule, infer, type Typed } from "./infer.ts";
import type { AttrsOf, BinaryOp, ConvAttrs, OpType, UnaryOp } from "./ops.ts";
import { broadcastShapes, type Shape, sameShape, sizeOf } from "./shape.ts";
import { simplify } from "./simplify.ts";
import { scalar, type Tensor } from "./tensor.ts";

/** Runs one operator on constants; the reference kernels have this form. */
export type Evaluate = (op: OpType, inputs: readonly Tensor[], attrs: AttrsOf<OpType>, out: Typed) => Tensor;

/** A value, or a number that becomes a scalar constant of the other operand's dtype. */
export type Operand = Value | number;

/** Results with more elements than this, and than their operands, are not folded: better made at run time than stored. */
const foldLimit = 4096;

let nextId = 0;

export class GraphBuilder {
  readonly #evaluate: Evaluate | undefined;
  readonly #made = new Map<string, AnyNode>();
  #origin: Origin | undefined;

  constructor(evaluate?: Evaluate) {
    this.#evaluate = evaluate;
  }

  /** Nodes made inside `body` say that they come from `origin`. */
  from<T>(origin: Origin | undefined, body: () => T): T {
    const outer = this.#origin;
    this.#origin = origin ?? outer;
    try {
      return body();
    } finally {
      this.#origin = outer;
    }
  }

  input(name: string, dtype: Dtype, shape: Shape): InputValue {
    return { id: nextId++, op: "Input", name, dtype, shape, inputs: [], attrs: {}, origin: this.#origin };
  }

  /** The output of `op`, made now or found among those made before. */
  op<Op extends OpType>(op: Op, inputs: readonly Value[], attrs: AttrsOf<Op>): Value {
    const simpler = simplify(this, op, inputs, attrs);
    if (simpler) return simpler;
    const key = keyOf(op, inputs, attrs);
    const known = this.#made.get(key);
    if (known) return known;
    const typed = this.#infer(op, inputs, attrs);
    const folded = this.#fold(op, inputs, attrs, typed);
    if (folded) return folded;
    const id = nextId++;
    const node = { id, op, inputs, attrs, ...typed, name: `${op}_${id}`, origin: this.#origin } as unknown as AnyNode;
    this.#made.set(key, node);
    return node;
  }

  build(inputs: readonly InputValue[], outputs: readonly Value[]): Graph {
    return graphOf(inputs, outputs);
  }

  #infer<Op extends OpType>(op: Op, inputs: readonly Value[], attrs: AttrsOf<Op>): Typed {
    try {
      return (infer[op] as unknown as InferRule<Op>)(inputs, attrs);
    } catch (error) {
      if (!(error instanceof HessoniteError) || !this.#origin || error.facts.at) throw error;
      const [problem] = error.message.split("\n");
      throw new MismatchError(problem!, { ...error.facts, at: `${this.#origin.opType} "${this.#origin.node}"` });
    }
  }

  #fold<Op extends OpType>(op: Op, inputs: readonly Value[], attrs: AttrsOf<Op>, out: Typed): Value | undefined {
    if (!this.#evaluate || op === "Constant" || inputs.length === 0) return undefined;
    const tensors: Tensor[] = [];
    for (const input of inputs) {
      if (input.op !== "Constant") return undefined;
      tensors.push(input.attrs.value);
    }
    const size = sizeOf(out.shape);
    if (size > foldLimit && size > Math.max(...tensors.map((t) => t.data.length))) return undefined;
    return this.constantTensor(this.#evaluate(op, tensors, attrs as AttrsOf<OpType>, out));
  }

  // constants

  constantTensor(value: Tensor): Value {
    return this.op("Constant", [], { value });
  }

  /** A scalar constant. */
  constant(value: number, dtype: Dtype = "float32"): Value {
    return this.constantTensor(scalar(dtype, value));
  }

  ints(values: readonly number[], shape: Shape = [values.length]): Value {
    return this.constantTensor({ dtype: "int64", shape, data: Float64Array.from(values) });
  }

  /** A tensor of one value throughout. */
  fill(value: number, dtype: Dtype, shape: Shape): Value {
    return this.expand(this.constant(value, dtype), shape);
  }

  // elementwise

  unary(op: UnaryOp, x: Value): Value {
    return this.op(op, [x], {});
  }

  binary(
    op: BinaryOp | "Equal" | "Greater" | "GreaterOrEqual" | "Less" | "LessOrEqual",
    a: Operand,
    b: Operand,
  ): Value {
    const dtype = typeof a !== "number" ? a.dtype : typeof b !== "number" ? b.dtype : "float32";
    return this.op(op as BinaryOp, [this.#operand(a, dtype), this.#operand(b, dtype)], {});
  }

  #operand(x: Operand, dtype: Dtype): Value {
    return typeof x === "number" ? this.constant(x, dtype) : x;
  }

  add(a: Operand, b: Operand): Value {
    return this.binary("Add", a, b);
  }
  sub(a: Operand, b: Operand): Value {
    return this.binary("Sub", a, b);
  }
  mul(a: Operand, b: Operand): Value {
    return this.binary("Mul", a, b);
  }
  div(a: Operand, b: Operand): Value {
    return this.binary("Div", a, b);
  }
  pow(a: Operand, b: Operand): Value {
    return this.binary("Pow", a, b);
  }
  neg(x: Value): Value {
    return this.unary("Neg", x);
  }
  square(x: Value): Value {
    return this.mul(x, x);
  }
  greater(a: Operand, b: Operand): Value {
    return this.binary("Greater", a, b);
  }
  equal(a: Operand, b: Operand): Value {
    return this.binary("Equal", a, b);
  }
  where(condition: Value, a: Operand, b: Operand): Value {
    const dtype = typeof a !== "number" ? a.dtype : typeof b !== "number" ? b.dtype : "float32";
    return this.op("Where", [condition, this.#operand(a, dtype), this.#operand(b, dtype)], {});
  }
  cast(x: Value, to: Dtype): Value {
    return this.op("Cast", [x], { to });
  }

  // products

  matmul(a: Value, b: Value): Value {
    return this.op("MatMul", [a, b], {});
  }
  conv(x: Value, w: Value, attrs: ConvAttrs): Value {
    return this.op("Conv", [x, w], attrs);
  }

  // reductions

  sum(x: Value, axes: readonly number[], keepdims = false): Value {
    return this.op("ReduceSum", [x], { axes: [...axes].sort((a, b) => a - b), keepdims });
  }
  mean(x: Value, axes: readonly number[], keepdims = false): Value {
    const count = axes.reduce((n, axis) => n * x.shape[axis]!, 1);
    return this.mul(this.sum(x, axes, keepdims), 1 / count);
  }
  /** Sum of all elements, rank 0. */
  total(x: Value): Value {
    return this.sum(
      x,
      x.shape.map((_, axis) => axis),
    );
  }

  // layout

  reshape(x: Value, shape: Shape): Value {
    return this.op("Reshape", [x], { shape });
  }
  /** Transpose; without `perm` the last two axes are swapped. */
  transpose(x: Value, perm?: readonly number[]): Value {
    return this.op("Transpose", [x], { perm: perm ?? swapLast(x.shape.length) });
  }
  expand(x: Value, shape: Shape): Value {
    return this.op("Expand", [x], { shape });
  }
  concat(xs: readonly Value[], axis: number): Value {
    return this.op("Concat", xs, { axis });
  }
  slice(
    x: Value,
    starts: readonly number[],
    sizes: readonly number[],
    steps: readonly number[] = starts.map(() => 1),
  ): Value {
    return this.op("Slice", [x], { starts, steps, sizes });
  }
  /** Elements `start` to `start + size` of one axis. */
  narrow(x: Value, axis: number, start: number, size: number): Value {
    const at = (value: number, other: readonly number[]): number[] => other.map((o, i) => (i === axis ? value : o));
    return this.slice(
      x,
      at(
        start,
        x.shape.map(() => 0),
      ),
      at(size, x.shape),
    );
  }
  pad(x: Value, before: readonly number[], after: readonly number[], value = 0): Value {
    return this.op("Pad", [x], { before, after, value });
  }
  gather(x: Value, index: Value, axis: number): Value {
    return this.op("Gather", [x, index], { axis });
  }
  /** Adds an axis of length 1 at `axis` of the result. */
  unsqueeze(x: Value, axis: number): Value {
    return this.reshape(x, [...x.shape.slice(0, axis), 1, ...x.shape.slice(axis)]);
  }
  /** Σ over the axes that broadcasting `shape` to `x.shape` had added or stretched. */
  unbroadcast(x: Value, shape: Shape): Value {
    if (sameShape(x.shape, shape)) return x;
    const added = x.shape.length - shape.length;
    const axes = x.shape.flatMap((d, i) => (i < added || (shape[i - added] === 1 && d !== 1) ? [i] : []));
    return this.reshape(this.sum(x, axes), shape);
  }
  /** Expanded to the shape that it has with `others`. */
  broadcastTo(x: Value, ...others: readonly Shape[]): Value {
    return this.expand(x, broadcastShapes(x.shape, ...others));
  }
}

/** A graph of what `outputs` need. Inputs that they do not need stay in the signature. */
export function graphOf(inputs: readonly InputValue[], outputs: readonly Value[]): Graph {
  const values = reachable(outputs, new Set<Value>(inputs));
  const stray = values.find((v) => v.op === "Input" && !inputs.includes(v));
  if (stray) throw new Error(`internal: the graph needs the input "${stray.name}", which is not among its inputs`);
  return { inputs, nodes: values.filter((v): v is AnyNode => v.op !== "Input"), outputs };
}

function swapLast(rank: number): number[] {
  const perm = Array.from({ length: rank }, (_, i) => i);
  [perm[rank - 2], perm[rank - 1]] = [rank - 1, rank - 2];
  return perm;
}

const tensorIds = new WeakMap<object, number>();
let nextTensorId = 0;

/** Small constants are equal by value, large ones by identity. */
function tensorKey({ dtype, shape, data }: Tensor): string {
  if (data.length <= 64) return `${dtype}[${shape}]${Array.from(data, (x) => (Object.is(x, -0) ? "-0" : x)).join(",")}`;
  const id = tensorIds.get(data) ?? nextTensorId++;
  tensorIds.set(data, id);
  return `${dtype}[${shape}]#${id}`;
}

function keyOf(op: string, inputs: readonly Value[], attrs: object): string {
  const parts = Object.entries(attrs).map(([name, value]) =>
    name === "value" && typeof value === "object" ? tensorKey(value as Tensor) : `${name}=${String(value)}`,
  );
  return `${op}(${inputs.map((i) => i.id).join(",")})${parts.join(";")}`;
}
