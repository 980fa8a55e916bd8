/**
 * Whole layers that may go with every shape left as it is: the branches of residual sums.
 *
 *     s = x + f(x)  →  s = x        f is what only this operand of the sum needs
 *
 * A branch holds at least one layer (a weight that activations are multiplied by) and depends on the model's inputs; what the
 * sum is left with has its shape. Branches may lie inside others, and both operands of one sum may be branches.
 */
import type { OnnxNode } from "@hessonite/core";
import { capturedBy } from "../groups/capturedBy.ts";
import type { ChannelGraph, SkippedChannels } from "../groups/channelGroups.ts";

export interface ResidualBranch {
  /** Its layers: "layer1.conv1 … layer1.conv2". */
  readonly name: string;
  readonly sum: OnnxNode;
  /** Operand of the sum that the branch makes. */
  readonly operand: 0 | 1;
  /** What the sum becomes. */
  readonly other: string;
  /** The nodes that nothing else needs; the sum is not among them. */
  readonly nodes: ReadonlySet<OnnxNode>;
  /** Stored tensors of its layers. */
  readonly weights: readonly string[];
}

const products: ReadonlySet<string> = new Set([
  "Conv",
  "ConvTranspose",
  "Einsum",
  "GRU",
  "Gemm",
  "LSTM",
  "MatMul",
  "RNN",
]);

/** In the graph's order. Cost: one pass over the nodes in front of a sum, for each. */
export function residualBranches(graph: ChannelGraph): ResidualBranch[] {
  const { nodes } = graph.propagation;
  const around = surroundings(graph);
  return nodes.flatMap((sum, place) =>
    ([0, 1] as const).flatMap((operand) => branchAt(graph, around, sum, place, operand) ?? []),
  );
}

interface Surroundings {
  readonly users: ReadonlyMap<string, ReadonlySet<OnnxNode>>;
  /** Values that another graph or the outside world takes. */
  readonly taken: ReadonlySet<string>;
  /** Values that follow from the model's inputs. */
  readonly dependent: ReadonlySet<string>;
  readonly layers: ReadonlyMap<OnnxNode, string>;
}

function surroundings({ model, propagation: { nodes, makers } }: ChannelGraph): Surroundings {
  const users = new Map<string, Set<OnnxNode>>();
  const taken = new Set(model.outputs.map(({ name }) => name));
  const dependent = new Set(model.inputs.map(({ name }) => name));
  for (const node of nodes) {
    for (const name of node.inputs) if (name) users.set(name, (users.get(name) ?? new Set()).add(node));
    const captured = capturedBy(node);
    for (const name of captured) taken.add(name);
    if ([...node.inputs, ...captured].some((name) => dependent.has(name)))
      for (const name of node.outputs) dependent.add(name);
  }
  const layers = new Map(
    makers
      .filter(({ node }) => products.has(node.opType))
      .map(({ node, weight }) => [node, node.inputs[weight]!] as const),
  );
  return { users, taken, dependent, layers };
}

function branchAt(
  { propagation: { nodes, known } }: ChannelGraph,
  around: Surroundings,
  sum: OnnxNode,
  place: number,
  operand: 0 | 1,
): ResidualBranch | undefined {
  const [own, other] = [sum.inputs[operand] ?? "", sum.inputs[1 - operand] ?? ""];
  if (sum.domain !== "" || (sum.opType !== "Add" && sum.opType !== "Sum") || sum.inputs.length !== 2) return undefined;
  const shape = (name: string): string => `${known.values.get(name)?.shape}`;
  if (own === other || !around.dependent.has(own) || !around.dependent.has(other)) return undefined;
  if (known.values.get(other)?.numbers || shape(other) !== shape(sum.outputs[0]!)) return undefined;
  const alone = onlyFor(own, sum, nodes.slice(0, place), around);
  const layers = nodes.filter((node) => alone.has(node) && around.layers.has(node));
  const [first, last] = [layers[0], layers.at(-1)];
  if (!first || !last) return undefined;
  return {
    name: first === last ? first.name : `${first.name} … ${last.name}`,
    sum,
    operand,
    other,
    nodes: alone,
    weights: layers.map((node) => around.layers.get(node)!),
  };
}

/** The nodes whose outputs go nowhere but into that operand. */
function onlyFor(
  value: string,
  sum: OnnxNode,
  before: readonly OnnxNode[],
  { users, taken }: Surroundings,
): ReadonlySet<OnnxNode> {
  const alone = new Set<OnnxNode>();
  const goesThere = (name: string): boolean => {
    if (taken.has(name)) return false;
    return [...(users.get(name) ?? [])].every((node) => alone.has(node) || (node === sum && name === value));
  };
  for (const node of before.toReversed()) {
    const used = node.outputs.filter((name) => name !== "" && (users.has(name) || taken.has(name)));
    if (used.length > 0 && used.every(goesThere)) alone.add(node);
  }
  return alone;
}

/** Layers that are in no branch. */
export function skippedLayers(graph: ChannelGraph, branches: readonly ResidualBranch[]): SkippedChannels[] {
  const inside = new Set(branches.flatMap(({ nodes }) => [...nodes]));
  return graph.propagation.makers
    .filter(({ node }) => products.has(node.opType) && !inside.has(node))
    .map(({ node }) => ({ layer: node.name, count: 1, reason: "is in no branch of a sum" }));
}
