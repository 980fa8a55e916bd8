/** Names that nothing in a model has. */
import type { OnnxModel, OnnxNode } from "@hessonite/core";

export interface NameSource {
  /** `hint`, or the first of `hint_2`, `hint_3`, … that is free; each is given once. */
  fresh(hint: string): string;
}

export function nameSource(model: OnnxModel): NameSource {
  const taken = new Set([
    ...model.inputs.map(({ name }) => name),
    ...model.outputs.map(({ name }) => name),
    ...model.initializers.keys(),
    ...namesIn(model.nodes),
  ]);
  return {
    fresh(hint) {
      let name = hint;
      for (let i = 2; taken.has(name); i++) name = `${hint}_${i}`;
      taken.add(name);
      return name;
    },
  };
}

function namesIn(nodes: readonly OnnxNode[]): string[] {
  return nodes.flatMap((node) => [
    ...node.inputs,
    ...node.outputs,
    ...Object.values(node.attrs).flatMap((attr) =>
      attr.kind === "graph" ? [...attr.value.initializers.keys(), ...namesIn(attr.value.nodes)] : [],
    ),
  ]);
}
