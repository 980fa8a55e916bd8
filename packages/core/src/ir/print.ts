/** Graphs as text, in the manner of ONNX's own notation; a diff of two prints is a review of a transform. */
import type { Graph, Value } from "./graph.ts";
import type { Tensor } from "./tensor.ts";

const shortest = 8;

/**
 * `(float32[2] x) => (float32[2] mul) { … }`, one node a line, nodes numbered by operator in the order of the graph.
 */
export function print(graph: Graph): string {
  const names = nameValues(graph);
  const typed = (v: Value): string => `${v.dtype}[${v.shape.join(", ")}] ${names.get(v)}`;
  const lines = graph.nodes.map((node) => {
    const attrs = Object.entries(node.attrs).map(([name, value]) => `${name}=${showAttr(value)}`);
    const shown = attrs.length > 0 ? ` <${attrs.join(", ")}>` : "";
    return `  ${names.get(node)} = ${node.op}${shown}(${node.inputs.map((i) => names.get(i)).join(", ")})`;
  });
  const signature = `(${graph.inputs.map(typed).join(", ")}) => (${graph.outputs.map(typed).join(", ")})`;
  return [`${signature} {`, ...lines, "}"].join("\n");
}

function nameValues(graph: Graph): Map<Value, string> {
  const counts = new Map<string, number>();
  const names = new Map<Value, string>();
  for (const value of [...graph.inputs, ...graph.nodes]) {
    const stem = value.op === "Input" ? value.name : value.op[0]!.toLowerCase() + value.op.slice(1);
    const count = counts.get(stem) ?? 0;
    counts.set(stem, count + 1);
    names.set(value, count === 0 ? stem : `${stem}_${count}`);
  }
  return names;
}

function showAttr(value: unknown): string {
  if (Array.isArray(value)) return `[${value.join(", ")}]`;
  if (typeof value !== "object" || value === null) return String(value);
  const { dtype, shape, data } = value as Tensor;
  const values = Array.from(data.subarray(0, shortest)).join(", ");
  return shape.length === 0
    ? values
    : `${dtype}[${shape.join(", ")}] {${values}${data.length > shortest ? ", …" : ""}}`;
}
