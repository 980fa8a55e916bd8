/** Replaces calls of model-local functions by their bodies, in the model's graph and in those inside it. */
import { UnsupportedModelError } from "../errors.ts";
import type { OnnxAttr, OnnxModel, OnnxNode, Port, Subgraph } from "./model.ts";

export interface LocalFunction {
  readonly name: string;
  readonly domain: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** Values of the attributes that a call may leave out. */
  readonly defaults: Attrs;
  readonly nodes: readonly OnnxNode[];
  /** Opset by domain, as the body is written. */
  readonly opsets: ReadonlyMap<string, number>;
}

type Attrs = Readonly<Record<string, OnnxAttr>>;
type Functions = ReadonlyMap<string, LocalFunction>;

/** Calls within calls deeper than this can only be a cycle. */
const deepest = 64;

/** `model` without calls of `functions`; names inside a body get those of the call's first output in front. */
export function inlineFunctions(model: OnnxModel, functions: readonly LocalFunction[]): OnnxModel {
  if (functions.length === 0) return model;
  const table = new Map(
    functions.map((f) => [`${f.domain}:${f.name}`, { ...f, nodes: withOpsets(f.nodes, f.opsets) }] as const),
  );
  return { ...model, nodes: inlineAll(model.nodes, table, 0) };
}

/** The nodes with the versions that their function says, in the graphs inside them too. */
function withOpsets(nodes: readonly OnnxNode[], opsets: LocalFunction["opsets"]): OnnxNode[] {
  return nodes.map((node) => {
    const opset = opsets.get(node.domain);
    const inner = withGraphs(node, (graph) => ({ ...graph, nodes: withOpsets(graph.nodes, opsets) }));
    return opset === undefined ? inner : { ...inner, opset };
  });
}

function inlineAll(nodes: readonly OnnxNode[], table: Functions, depth: number): OnnxNode[] {
  return nodes.flatMap((node) =>
    inline(
      withGraphs(node, (graph) => ({ ...graph, nodes: inlineAll(graph.nodes, table, depth) })),
      table,
      depth,
    ),
  );
}

function inline(call: OnnxNode, table: Functions, depth: number): OnnxNode[] {
  const body = table.get(`${call.domain}:${call.opType}`);
  if (!body) return [call];
  if (depth > deepest) {
    throw new UnsupportedModelError("Cannot read the model as a function calls itself", {
      at: `function "${body.name}"`,
    });
  }
  const given = new Map<string, string>();
  body.inputs.forEach((name, i) => given.set(name, call.inputs[i] ?? ""));
  body.outputs.forEach((name, i) => {
    if (call.outputs[i]) given.set(name, call.outputs[i]);
  });
  // A call may give its own output to a call inside it: the depth tells the two apart.
  const output = call.outputs.find((name) => name !== "") ?? call.name;
  const prefix = depth === 0 ? output : `${output}:${depth}`;
  const attrs = { ...body.defaults, ...call.attrs };
  const rename = (name: string): string => (name === "" ? "" : (given.get(name) ?? `${prefix}/${name}`));
  const nodes = body.nodes.map((node) => ({
    ...renamed(filled(node, attrs), rename),
    name: `${call.name}/${node.name}`,
  }));
  return inlineAll(nodes, table, depth + 1);
}

/** The node with every attribute that names one of the call's replaced by it; dropped where the call has none. */
function filled(node: OnnxNode, attrs: Attrs): OnnxNode {
  const entries = Object.entries(node.attrs).flatMap(([name, attr]) => {
    if (attr.kind !== "reference") return [[name, attr] as const];
    const value = attrs[attr.value];
    return value ? [[name, value] as const] : [];
  });
  const fillGraph = (graph: Subgraph): Subgraph => ({
    ...graph,
    nodes: graph.nodes.map((inner) => filled(inner, attrs)),
  });
  return withGraphs({ ...node, attrs: Object.fromEntries(entries) }, fillGraph);
}

/** The node with other names for its values, and for all in the graphs inside it. */
function renamed(node: OnnxNode, rename: (name: string) => string): OnnxNode {
  const port = (p: Port): Port => ({ ...p, name: rename(p.name) });
  const graph = (g: Subgraph): Subgraph => ({
    inputs: g.inputs.map(port),
    outputs: g.outputs.map(port),
    initializers: new Map([...g.initializers].map(([name, stored]) => [rename(name), stored])),
    nodes: g.nodes.map((inner) => renamed(inner, rename)),
  });
  return withGraphs({ ...node, inputs: node.inputs.map(rename), outputs: node.outputs.map(rename) }, graph);
}

/** The node with each of its subgraphs changed. */
function withGraphs(node: OnnxNode, change: (graph: Subgraph) => Subgraph): OnnxNode {
  if (!Object.values(node.attrs).some((attr) => attr.kind === "graph")) return node;
  const attrs = Object.entries(node.attrs).map(
    ([name, attr]) => [name, attr.kind === "graph" ? { ...attr, value: change(attr.value) } : attr] as const,
  );
  return { ...node, attrs: Object.fromEntries(attrs) };
}
