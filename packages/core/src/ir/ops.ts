/**
 * The core vocabulary: the operators that graphs are made of once a model has been read.
 *
 * Every table keyed by operator (`infer`, `kernels`, `tangentRules`, `batchingRules`, `emitters`) is total over this
 * list, so the compiler lists what an addition owes. Every operator has exactly one output. Shapes, axes and
 * other structure are attributes, never inputs. Names are ONNX's where the meaning is ONNX's; three are ours:
 * `ConvInputGrad` and `ConvWeightGrad` close Conv under transposition, `MaxPoolIndex` is MaxPool's second output.
 */
import type { Dtype } from "./dtype.ts";
import type { Tensor } from "./tensor.ts";

/** y = f(x), element by element, float in and float out. */
export const unaryOps = [
  "Abs",
  "Acos",
  "Acosh",
  "Asin",
  "Asinh",
  "Atan",
  "Atanh",
  "Ceil",
  "Cos",
  "Cosh",
  "Erf",
  "Exp",
  "Floor",
  "Log",
  "Neg",
  "Reciprocal",
  "Relu",
  "Round",
  "Sigmoid",
  "Sign",
  "Sin",
  "Sinh",
  "Softplus",
  "Sqrt",
  "Tan",
  "Tanh",
] as const;

/** y = f(a, b), broadcast, result of the operands' dtype. */
export const binaryOps = ["Add", "Div", "Max", "Min", "Mod", "Mul", "Pow", "Sub"] as const;

/** Comparisons and logic: bool out, no derivative. */
export const predicateOps = [
  "And",
  "Equal",
  "Greater",
  "GreaterOrEqual",
  "IsInf",
  "IsNaN",
  "Less",
  "LessOrEqual",
  "Not",
  "Or",
  "Xor",
] as const;

/** Everything that contracts, moves or selects. */
export const structuralOps = [
  "ArgMax",
  "ArgMin",
  "Cast",
  "Concat",
  "Constant",
  "Conv",
  "ConvInputGrad",
  "ConvWeightGrad",
  "CumSum",
  "Expand",
  "Gather",
  "GatherElements",
  "LogSoftmax",
  "MatMul",
  "MaxPool",
  "MaxPoolIndex",
  "Pad",
  "ReduceMax",
  "ReduceMin",
  "ReduceProd",
  "ReduceSum",
  "Reshape",
  "ScatterElements",
  "Slice",
  "Softmax",
  "TopKIndex",
  "Transpose",
  "Where",
] as const;

export type UnaryOp = (typeof unaryOps)[number];
export type BinaryOp = (typeof binaryOps)[number];
export type PredicateOp = (typeof predicateOps)[number];
export type OpType = UnaryOp | BinaryOp | PredicateOp | (typeof structuralOps)[number];

/** All of them. */
export const ops: readonly OpType[] = [...unaryOps, ...binaryOps, ...predicateOps, ...structuralOps];

/**
 * The attributes each structural operator has; all others have none.
 * Axes are normalised to [0, rank); lists have one entry per axis named.
 */
export interface OpAttrs {
  /** Ties: the first index, or the last with `selectLast`. Output int64. */
  ArgMax: { readonly axis: number; readonly keepdims: boolean; readonly selectLast: boolean };
  ArgMin: OpAttrs["ArgMax"];
  Cast: { readonly to: Dtype };
  Concat: { readonly axis: number };
  Constant: { readonly value: Tensor };
  /** (x `[N, C, …]`, w `[O, C/group, …]`) → `[N, O, …]`. Cross-correlation; no bias. Pads: all begins, then all ends. */
  Conv: ConvAttrs;
  /** Transpose of Conv in x: (z `[N, O, …]`, w) → `[N, C, …spatial]`. */
  ConvInputGrad: ConvAttrs & { readonly spatial: readonly number[] };
  /** Transpose of Conv in w: (x, z) → `[O, C/group, …kernel]`. */
  ConvWeightGrad: ConvAttrs & { readonly kernel: readonly number[] };
  CumSum: { readonly axis: number; readonly exclusive: boolean; readonly reverse: boolean };
  /** Numpy broadcast to exactly `shape`. */
  Expand: { readonly shape: readonly number[] };
  /** (data, indices any shape, int) → data.shape[:axis] + indices.shape + data.shape[axis+1:]. Indices non-negative or from the end. */
  Gather: { readonly axis: number };
  /** (data, indices of the same rank) as ONNX. */
  GatherElements: { readonly axis: number };
  LogSoftmax: { readonly axis: number };
  /** numpy.matmul of operands of rank ≥ 2 with equal or broadcastable batch axes. */
  MatMul: Record<string, never>;
  MaxPool: PoolAttrs;
  /** int64 index of each window's first maximum within its own flattened spatial plane. */
  MaxPoolIndex: PoolAttrs;
  /** Constant padding; `before`/`after` ≥ 0, one entry per axis. */
  Pad: { readonly before: readonly number[]; readonly after: readonly number[]; readonly value: number };
  ReduceMax: ReduceAttrs;
  ReduceMin: ReduceAttrs;
  ReduceProd: ReduceAttrs;
  ReduceSum: ReduceAttrs;
  Reshape: { readonly shape: readonly number[] };
  /** (data, indices, updates) as ONNX; duplicates with "none" are the caller's error. */
  ScatterElements: { readonly axis: number; readonly reduction: "none" | "add" | "mul" | "max" | "min" };
  /** y[i] = x[starts + i·steps], one entry per axis of x; steps may be negative. `sizes` is the output shape. */
  Slice: { readonly starts: readonly number[]; readonly steps: readonly number[]; readonly sizes: readonly number[] };
  Softmax: { readonly axis: number };
  /** int64 indices of the k largest (smallest) along an axis, sorted; ties: lower index first. */
  TopKIndex: { readonly axis: number; readonly k: number; readonly largest: boolean };
  Transpose: { readonly perm: readonly number[] };
  /** (condition bool, a, b), broadcast. */
  Where: Record<string, never>;
}

export interface ConvAttrs {
  readonly strides: readonly number[];
  readonly pads: readonly number[];
  readonly dilations: readonly number[];
  readonly group: number;
}

export interface PoolAttrs {
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  readonly pads: readonly number[];
  readonly dilations: readonly number[];
  /** Output spatial sizes (ceil_mode is already decided). */
  readonly spatial: readonly number[];
}

export interface ReduceAttrs {
  readonly axes: readonly number[];
  readonly keepdims: boolean;
}

/** Attributes of operator `Op`; an empty record for those without. */
export type AttrsOf<Op extends OpType> = Op extends keyof OpAttrs ? OpAttrs[Op] : Record<string, never>;
