/** Nodes that compute with parameters alone, as exporters leave them where a layer makes its weight of others. */
import type { OnnxModel, OnnxNode } from "./model.ts";

/** Arithmetic of such layers: standardised, bounded, positive, adapted and normalised weights, and learned tokens repeated. */
const arithmetic: ReadonlySet<string> = new Set([
  "Abs",
  "Add",
  "BatchNormalization",
  "Clip",
  "Div",
  "Exp",
  "Expand",
  "Mul",
  "Neg",
  "Sigmoid",
  "Softplus",
  "Sub",
  "Tanh",
]);

/** Tells the nodes of `arithmetic` that no input of the model reaches. */
export function dataFreeArithmetic({ nodes, initializers }: OnnxModel): (node: OnnxNode) => boolean {
  const known = new Set<string>(["", ...initializers.keys()]);
  const free = new Set<OnnxNode>();
  for (const node of nodes) {
    const nested = Object.values(node.attrs).some(({ kind }) => kind === "graph");
    if (nested || !node.inputs.every((name) => known.has(name))) continue;
    for (const name of node.outputs) known.add(name);
    if (node.domain === "" && arithmetic.has(node.opType)) free.add(node);
  }
  return (node) => free.has(node);
}
