/** A model's file without some branches of its sums: each such sum is its other operand. */
import { editModel, type NewTensor, type NodeEdit, type OnnxNode } from "@hessonite/core";
import type { ChannelGraph } from "../groups/channelGroups.ts";
import { nameSource } from "../shrink/names.ts";
import { keyOf } from "../shrink/shrink.ts";
import { withoutDead } from "../shrink/withoutDead.ts";
import type { ResidualBranch } from "./residualBranches.ts";

/** @param file The bytes that `graph` was read from. */
export function withoutBranches(
  file: Uint8Array,
  { model }: ChannelGraph,
  gone: readonly ResidualBranch[],
): Uint8Array {
  const standsFor = standIns(gone);
  const needed = new Set([...model.outputs.map(({ name }) => name), ...model.nodes.flatMap(capturedNames)]);
  const nodes = new Map<string, NodeEdit | null>();
  for (const { sum } of gone) {
    const output = sum.outputs[0]!;
    if (!needed.has(output)) continue;
    const inputs = [standsFor.get(output)!];
    const same = { name: sum.name, opType: "Identity", inputs, outputs: [output] };
    nodes.set(keyOf(sum), { inputs, before: [same], replaced: true });
  }
  for (const node of model.nodes) {
    if (!node.inputs.some((name) => standsFor.has(name)) || nodes.has(keyOf(node))) continue;
    nodes.set(keyOf(node), { inputs: node.inputs.map((name) => standsFor.get(name) ?? name) });
  }
  return editModel(file, withoutDead(model, { nodes }));
}

/** What takes the place of each sum that is gone, through any number of them. */
export function standIns(gone: readonly ResidualBranch[]): ReadonlyMap<string, string> {
  const direct = new Map(gone.map(({ sum, other }) => [sum.outputs[0]!, other]));
  const resolved = (name: string): string => {
    const next = direct.get(name);
    return next === undefined ? name : resolved(next);
  };
  return new Map([...direct.keys()].map((name) => [name, resolved(name)]));
}

function capturedNames({ attrs }: OnnxNode): string[] {
  return Object.values(attrs).flatMap((attr) =>
    attr.kind === "graph"
      ? [
          ...attr.value.outputs.map(({ name }) => name),
          ...attr.value.nodes.flatMap((inner) => [...inner.inputs, ...capturedNames(inner)]),
        ]
      : [],
  );
}

/** The model with a factor for each branch, and the factors' names: 1 as it was, 0 as if the branch were not there. */
export function gateBranches(
  file: Uint8Array,
  { model }: ChannelGraph,
  branches: readonly ResidualBranch[],
  factor: (branch: ResidualBranch) => number = () => 1,
): { readonly file: Uint8Array; readonly names: readonly string[] } {
  const { fresh } = nameSource(model);
  const initializers = new Map<string, NewTensor>();
  const inputs = new Map<OnnxNode, string[]>();
  const before = new Map<OnnxNode, NonNullable<NodeEdit["before"]>>();
  const names = branches.map((branch) => {
    const { sum, operand } = branch;
    const value = sum.inputs[operand]!;
    const name = fresh(`${value}_gate`);
    const gated = fresh(`${value}_gated`);
    initializers.set(name, { dtype: "float32", shape: [1], data: Float32Array.of(factor(branch)) });
    inputs.set(sum, (inputs.get(sum) ?? [...sum.inputs]).with(operand, gated));
    const mul = { name: gated, opType: "Mul", inputs: [value, name], outputs: [gated] };
    before.set(sum, [...(before.get(sum) ?? []), mul]);
    return name;
  });
  const nodes = new Map([...inputs].map(([sum, own]) => [keyOf(sum), { inputs: own, before: before.get(sum)! }]));
  return { file: editModel(file, { nodes, initializers, irVersion: 4 }), names };
}
