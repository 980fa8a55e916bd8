/** What a graph costs: floating-point operations, and the memory that is live at once. */
import { bytesPerElement } from "./elements.ts";
import type { AnyNode, Graph, Value } from "./graph.ts";
import { sizeOf } from "./shape.ts";

/** Multiply–adds of the products count twice, every other element once. */
export function flopsOf(node: AnyNode): number {
  switch (node.op) {
    case "MatMul":
      return 2 * sizeOf(node.shape) * node.inputs[0]!.shape.at(-1)!;
    case "Conv":
      return 2 * sizeOf(node.shape) * sizeOf(node.inputs[1]!.shape.slice(1));
    case "ConvInputGrad":
      return 2 * sizeOf(node.inputs[0]!.shape) * sizeOf(node.inputs[1]!.shape.slice(1));
    case "ConvWeightGrad":
      return 2 * sizeOf(node.inputs[1]!.shape) * sizeOf(node.shape.slice(1));
    case "Constant":
    case "Reshape":
      return 0;
    default:
      return sizeOf(node.shape);
  }
}

/** True for the operators that contract: their share is a problem's floor. */
export function isProduct(node: AnyNode): boolean {
  return ["MatMul", "Conv", "ConvInputGrad", "ConvWeightGrad"].includes(node.op);
}

export interface Cost {
  readonly flops: number;
  /** The part of `flops` that is in matrix products and convolutions. */
  readonly productFlops: number;
  /** Largest sum of values live at once, inputs and constants included, at the dtypes' sizes. */
  readonly peakBytes: number;
  readonly nodes: number;
}

const bytesOf = ({ dtype, shape }: Value): number => sizeOf(shape) * bytesPerElement(dtype);

/** The cost of one run. */
export function costOf(graph: Graph): Cost {
  const flops = graph.nodes.reduce((sum, node) => sum + flopsOf(node), 0);
  const productFlops = graph.nodes.reduce((sum, node) => sum + (isProduct(node) ? flopsOf(node) : 0), 0);
  return { flops, productFlops, peakBytes: peakBytes(graph), nodes: graph.nodes.length };
}

function peakBytes({ inputs, nodes, outputs }: Graph): number {
  const lastUse = new Map<Value, number>();
  nodes.forEach((node, i) => {
    for (const input of node.inputs) lastUse.set(input, i);
  });
  for (const output of outputs) lastUse.set(output, nodes.length);
  const dying = new Map<number, number>();
  const standing = inputs.reduce((sum, input) => sum + bytesOf(input), 0);
  let live = standing;
  let peak = live;
  nodes.forEach((node, i) => {
    live += bytesOf(node);
    peak = Math.max(peak, live);
    const end = lastUse.get(node) ?? i;
    if (node.op !== "Constant") dying.set(end, (dying.get(end) ?? 0) + bytesOf(node));
    live -= dying.get(i) ?? 0;
  });
  return peak;
}
