/**
 * Names for weights that an exporter has folded and numbered: that of the layer which uses them and what they are to it.
 *
 *     onnx::MatMul_494  →  lm_head.weight       val_12  →  cell.weight_ih
 *
 * A layer's name is the node's scope in PyTorch's module tree, or its path in TensorFlow's. PyTorch's linear layers had their
 * weight transposed when it was folded; its source layout is kept.
 */
import type { Initializer, OnnxModel, OnnxNode } from "../model.ts";
import { initializerRoles, isParameterRole, type Role } from "../roles.ts";
import { isAnonymous } from "./anonymous.ts";
import { isOperationName, pathsAround, tensorFlowName } from "./tensorFlow.ts";

/** What inputs are called in a layer, by position, where it is not their role. */
const called: Readonly<Record<string, readonly (string | undefined)[]>> = {
  GRU: [undefined, "weight_ih", "weight_hh", "bias"],
  LSTM: [undefined, "weight_ih", "weight_hh", "bias"],
  RNN: [undefined, "weight_ih", "weight_hh", "bias"],
  BatchNormalization: [undefined, "weight", "bias"],
  GroupNormalization: [undefined, "weight", "bias"],
  LayerNormalization: [undefined, "weight", "bias"],
  RMSNormalization: [undefined, "weight"],
  PRelu: [undefined, "weight"],
  Gather: ["weight"],
};

/** `model` with names for its anonymous parameters, where the nodes that use them have a scope. */
export function withLayerNames(model: OnnxModel): OnnxModel {
  const taken = new Set([
    ...model.initializers.keys(),
    ...model.inputs.map(({ name }) => name),
    ...model.nodes.flatMap((n) => n.outputs),
  ]);
  const renamed = new Map<string, Initializer>();
  const paths = pathsAround(model.nodes);
  const mangled = (name: string): boolean => isAnonymous(name) || isOperationName(name);
  for (const { initializer, role, use } of initializerRoles(model, mangled)) {
    if (!use || !(isParameterRole(role) || role === "position table")) continue;
    const scope = isAnonymous(initializer.name) ? scopeOf(use.node) : "";
    const found =
      scope === ""
        ? tensorFlowName(initializer.name, use, role, paths)
        : `${scope}.${partOf(use.node, use.position, role)}`;
    if (found === undefined) continue;
    const name = free(found, taken);
    taken.add(name);
    const { opType } = use.node;
    const transposed = scope !== "" && opType === "MatMul" && use.position === 1 && initializer.shape.length === 2;
    const storage = { name: initializer.name, ...(transposed && { perm: [1, 0] }) };
    renamed.set(initializer.name, { ...initializer, name, storage });
  }
  return renamed.size === 0 ? model : withInitializersRenamed(model, renamed);
}

function partOf({ opType }: OnnxNode, position: number, role: Role): string {
  return called[opType]?.[position] ?? role.replaceAll(" ", "_");
}

/** `decoder.fc` of the dynamo exporter's scope, or of the TorchScript exporter's node name `/decoder/fc/MatMul`. */
export function scopeOf({ name, scope }: OnnxNode): string {
  if (scope !== undefined) return scope;
  return name.startsWith("/") ? joined(name.slice(1).split("/").slice(0, -1)) : "";
}

/** Members of a container repeat its name: `/layer1/layer1.0/conv` is `layer1.0.conv`. */
function joined(parts: readonly string[]): string {
  return parts.filter((part, i) => !parts[i + 1]?.startsWith(`${part}.`)).join(".");
}

function free(name: string, taken: ReadonlySet<string>): string {
  for (let i = 1; ; i++) {
    const candidate = i === 1 ? name : `${name}_${i}`;
    if (!taken.has(candidate)) return candidate;
  }
}

/** The model with initializers under other names, everywhere they are used. */
function withInitializersRenamed(model: OnnxModel, renamed: ReadonlyMap<string, Initializer>): OnnxModel {
  const now = (name: string): string => renamed.get(name)?.name ?? name;
  const initializers = new Map(
    [...model.initializers.values()].map((i) => renamed.get(i.name) ?? i).map((i) => [i.name, i]),
  );
  return { ...model, initializers, nodes: renamedNodes(model.nodes, now) };
}

/** Graphs inside nodes see the names around them, unless they have their own of that name. */
function renamedNodes(nodes: readonly OnnxNode[], now: (name: string) => string): OnnxNode[] {
  return nodes.map((node) => ({
    ...node,
    inputs: node.inputs.map(now),
    attrs: Object.fromEntries(
      Object.entries(node.attrs).map(([key, attr]) => {
        if (attr.kind !== "graph") return [key, attr];
        const body = attr.value;
        const own = new Set([
          ...body.initializers.keys(),
          ...body.inputs.map((p) => p.name),
          ...body.nodes.flatMap((n) => n.outputs),
        ]);
        const inner = (name: string): string => (own.has(name) ? name : now(name));
        const outputs = body.outputs.map((port) => ({ ...port, name: inner(port.name) }));
        return [key, { ...attr, value: { ...body, outputs, nodes: renamedNodes(body.nodes, inner) } }];
      }),
    ),
  }));
}
