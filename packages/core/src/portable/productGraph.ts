/**
 * A curvature product as one graph over data, targets and a flat vector:
 *
 *     (x, target, v [P] or [K, P])  ↦  A v [P] or [K, P],   A = H or G of the loss over that batch
 *
 * A mean is over the terms of the batch that count: target entries that do not count are seen in the graph.
 */
import { vmap } from "../autodiff/vmap.ts";
import { type GraphBuilder, graphOf } from "../ir/builder.ts";
import type { Graph, InputValue, Value } from "../ir/graph.ts";
import { rewriteValues } from "../ir/rewrite.ts";
import type { Shape } from "../ir/shape.ts";
import { sizeOf } from "../ir/shape.ts";
import { tensor } from "../ir/tensor.ts";
import type { Counting, Loss } from "../loss/loss.ts";
import { type Binding, type BindingRequest, bindProblem } from "../operators/binding.ts";
import { hessianProduct } from "../operators/hessian.ts";
import type { LinearGraph } from "../operators/linearProgram.ts";
import { lossHessian, outputProduct } from "../operators/outputProduct.ts";
import type { ParameterSpace } from "../operators/parameterSpace.ts";

export const portableOperators = ["hessian", "ggn"] as const;
export type PortableOperator = (typeof portableOperators)[number];

export interface ProductGraph {
  readonly graph: Graph;
  /** Data inputs by the model's names. */
  readonly inputs: ReadonlyMap<string, InputValue>;
  readonly target: InputValue;
  readonly v: InputValue;
  /** In the space's order. */
  readonly parameters: readonly InputValue[];
}

export interface ProductRequest extends BindingRequest {
  readonly operator: PortableOperator;
  readonly shapes: Readonly<Record<string, Shape>>;
  /** Rows of v; a single vector without this axis if not given. */
  readonly k?: number;
}

const products: Readonly<Record<PortableOperator, (binding: Binding) => LinearGraph>> = {
  hessian: hessianProduct,
  ggn: (binding) => outputProduct(binding, lossHessian),
};

export function productGraph(request: ProductRequest): ProductGraph {
  const { space, loss, operator, k } = request;
  const binding = bindProblem(request, request.shapes);
  const { g, inputs, parameters } = binding;
  const { linear, outputs } = products[operator](binding);
  const target = g.input("target", binding.target.dtype, binding.target.shape);
  const v = g.input("v", "float32", k === undefined ? [space.size] : [k, space.size]);
  const pieces = new Map(linear.map((input, i) => [input, pieceOf(g, v, space, i)] as const));
  const moved = k === undefined ? rewriteValues(g, outputs, { replace: pieces }) : vmap(g, outputs, pieces, k);
  const rows = v.shape.slice(0, -1);
  const parts = moved.map((out, i) => g.cast(g.reshape(out, [...rows, space.parameters[i]!.size]), "float32"));
  const flat = g.concat(parts, rows.length);
  const { counting, scale } = counted(g, loss, binding, target);
  const replace = new Map<Value, Value>([
    [binding.target, counting.target],
    [binding.weights, counting.weights],
  ]);
  const [product] = rewriteValues(g, [flat], { replace }) as [Value];
  const result = scale ? g.mul(product, g.cast(scale, "float32")) : product;
  return { graph: graphOf([...inputs.values(), target, v, ...parameters], [result]), inputs, target, v, parameters };
}

/** A parameter's part of v, `[…shape]` or `[K, …shape]`. */
function pieceOf(g: GraphBuilder, v: Value, { parameters }: ParameterSpace, i: number): Value {
  const { offset, size, shape, dtype } = parameters[i]!;
  const axis = v.shape.length - 1;
  return g.cast(g.reshape(g.narrow(v, axis, offset, size), [...v.shape.slice(0, axis), ...shape]), dtype);
}

/** What counts of the target, and what the sum is multiplied by. */
function counted(g: GraphBuilder, loss: Loss, binding: Binding, target: Value): { counting: Counting; scale?: Value } {
  const { prediction, weights } = binding;
  const counting = loss.counting?.(g, prediction, target) ?? constantCounting(g, loss, binding, target);
  if (loss.reduction === "sum") return { counting };
  const shares = g.expand(counting.shares, weights.shape);
  return { counting, scale: g.div(1, g.total(shares)) };
}

function constantCounting(
  g: GraphBuilder,
  loss: Loss,
  { prediction, target: form, weights }: Binding,
  target: Value,
): Counting {
  const zeros = tensor(form.dtype, form.shape, new Float64Array(sizeOf(form.shape)));
  const { shares } = loss.prepare(zeros, prediction.shape, "the exported product");
  if (typeof shares !== "number") throw new Error(`internal: the loss "${loss.name}" does not say how it counts`);
  return {
    target,
    weights: g.fill(1, weights.dtype, weights.shape),
    shares: g.fill(shares, weights.dtype, weights.shape),
  };
}
