/** An edit that also takes away what nothing needs once it is made: nodes, and tensors that only they took. */
import type { ModelEdit, OnnxModel, OnnxNode } from "@hessonite/core";

export function withoutDead(model: OnnxModel, edit: ModelEdit): ModelEdit {
  const inputsOf = (node: OnnxNode): readonly string[] => {
    const change = edit.nodes?.get(keyOf(node));
    const added = [...(change?.before ?? []), ...(change?.after ?? [])].flatMap(({ inputs }) => inputs);
    return [...(change?.inputs ?? node.inputs), ...added, ...captured(node)];
  };
  const makers = new Map(
    model.nodes.flatMap((node) => node.outputs.filter((name) => name !== "").map((name) => [name, node] as const)),
  );
  const needed = new Set<OnnxNode>();
  const used = new Set<string>();
  const pending = model.outputs.map(({ name }) => name);
  for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
    if (used.has(name)) continue;
    used.add(name);
    const node = makers.get(name);
    if (!node || needed.has(node)) continue;
    needed.add(node);
    pending.push(...inputsOf(node));
  }
  const dead = model.nodes.filter((node) => !needed.has(node) && keyOf(node) !== "");
  const gone = [...model.initializers.keys()].filter((name) => !used.has(name));
  const replaced = dead.length === 0 ? [] : dead.flatMap(({ outputs }) => outputs);
  return {
    ...edit,
    nodes: new Map([...(edit.nodes ?? []), ...dead.map((node) => [keyOf(node), null] as const)]),
    initializers: new Map([
      ...[...(edit.initializers ?? [])].filter(([name]) => used.has(name)),
      ...gone.map((name) => [name, null] as const),
    ]),
    shapes: new Map([...(edit.shapes ?? []), ...replaced.map((name) => [name, null] as const)]),
  };
}

function keyOf({ outputs }: OnnxNode): string {
  return outputs.find((name) => name !== "") ?? "";
}

function captured(node: OnnxNode): string[] {
  return Object.values(node.attrs).flatMap((attr) =>
    attr.kind === "graph"
      ? [
          ...attr.value.outputs.map(({ name }) => name),
          ...attr.value.nodes.flatMap((n) => [...n.inputs, ...captured(n)]),
        ]
      : [],
  );
}
