/**
 * Runs operators in another type where ONNX Runtime's CPU provider lacks them in their own.
 *
 * Narrow integers are carried by int32, unsigned 32- and 64-bit ones by int64, exactly; float64 by float32, which is
 * what the engine computes in anyway. The table says for each operator which types version 1.30 refuses.
 */

import { highest, lowest } from "../../engine/reference/storage.ts";
import type { GraphBuilder } from "../../ir/builder.ts";
import type { Dtype } from "../../ir/dtype.ts";
import type { AnyNode, Graph, Value } from "../../ir/graph.ts";
import type { AttrsOf, OpType } from "../../ir/ops.ts";
import { type Expansion, rewrite } from "../../ir/rewrite.ts";
import { sizeOf } from "../../ir/shape.ts";

const carrierOf: { readonly [D in Dtype]?: Dtype } = {
  float64: "float32",
  bool: "int32",
  int16: "int32",
  int8: "int32",
  uint16: "int32",
  uint8: "int32",
  uint32: "int64",
  uint64: "int64",
};

const narrow: readonly Dtype[] = ["int16", "int8", "uint16", "uint8", "bool"];
const unsigned: readonly Dtype[] = ["uint64", "uint32"];
const integers: readonly Dtype[] = [...narrow, ...unsigned];

const refused: { readonly [Op in OpType]?: readonly Dtype[] } = {
  Acos: ["float64"],
  Acosh: ["float64"],
  ArgMax: ["int16", "uint16", "bool", ...unsigned],
  ArgMin: ["int16", "uint16", "bool", ...unsigned],
  Asin: ["float64"],
  Asinh: ["float64"],
  Atan: ["float64"],
  Atanh: ["float64"],
  Conv: ["float64"],
  ConvInputGrad: ["float64"],
  Cosh: ["float64"],
  CumSum: integers,
  Erf: ["float64"],
  MatMul: narrow,
  Max: ["int16", "uint16"],
  Min: ["int16", "uint16"],
  Pad: ["int16", "uint16"],
  Pow: integers,
  ReduceMax: ["int16", "uint16", ...unsigned],
  ReduceMin: ["int16", "uint16", ...unsigned],
  ReduceProd: integers,
  ReduceSum: integers,
  Relu: ["int16", "uint16", "uint8"],
  Sinh: ["float64"],
  Softplus: ["float64"],
  Tan: ["float64"],
  TopKIndex: ["uint16", ...unsigned],
  Where: ["int16", "int8", "uint16", "bool", ...unsigned],
};

/** `graph` in types that the runtime has its operators for. */
export function carry(g: GraphBuilder, graph: Graph): Graph {
  return rewrite(g, graph, { expand: expansions });
}

const carried = Object.fromEntries(
  Object.entries(refused).map(([op, dtypes]) => [
    op,
    (g: GraphBuilder, node: AnyNode, inputs: readonly Value[]) => inCarrier(g, node, inputs, dtypes),
  ]),
) as Expansion;

const expansions: Expansion = {
  ...carried,
  ReduceMax: (g, node, inputs) => neutral(g, node, inputs, lowest) ?? carried.ReduceMax!(g, node, inputs),
  ReduceMin: (g, node, inputs) => neutral(g, node, inputs, highest) ?? carried.ReduceMin!(g, node, inputs),
};

/** The node between casts; undefined where the runtime has it as it is. */
function inCarrier(
  g: GraphBuilder,
  node: AnyNode,
  inputs: readonly Value[],
  dtypes: readonly Dtype[],
): Value | undefined {
  const own = inputs.at(-1)!.dtype; // the condition of Where comes first
  const carrier = carrierOf[own];
  if (!dtypes.includes(own) || !carrier) return undefined;
  const values = inputs.map((x, i) => (node.op === "Where" && i === 0 ? x : g.cast(x, carrier)));
  const y = g.op<OpType>(node.op, values, node.attrs as AttrsOf<OpType>);
  return y.dtype === carrier && node.dtype === own ? g.cast(y, own) : y;
}

/** An extreme over nothing, which the runtime refuses for some types. */
function neutral(
  g: GraphBuilder,
  node: AnyNode,
  [x]: readonly Value[],
  of: (dtype: Dtype) => number,
): Value | undefined {
  return sizeOf(x!.shape) === 0 ? g.fill(of(node.dtype), node.dtype, node.shape) : undefined;
}
