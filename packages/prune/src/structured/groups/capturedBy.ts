/** What a node takes from outside its graphs, beside its inputs. */
import type { OnnxNode } from "@hessonite/core";

/** Names in the graphs that a node holds: those of a loop's body or of a branch. */
export function capturedBy(node: OnnxNode): string[] {
  return Object.values(node.attrs).flatMap((attr) =>
    attr.kind === "graph"
      ? [
          ...attr.value.outputs.map(({ name }) => name),
          ...attr.value.nodes.flatMap((inner) => [...inner.inputs, ...capturedBy(inner)]),
        ]
      : [],
  );
}
