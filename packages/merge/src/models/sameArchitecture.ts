/** Whether models can be merged: one graph, the same parameters, finite weights. */
import { chooseParameters, MismatchError, type OnnxModel, type OnnxNode, UsageError } from "@hessonite/core";

export interface NamedModel {
  readonly name: string;
  readonly model: OnnxModel;
}

export interface ArchitectureOptions {
  /** Names of parameters that may differ in shape: heads, each kept by its own task. */
  readonly heads?: (name: string) => boolean;
}

/**
 * @throws {MismatchError} naming the first node or initializer that differs from the first model's.
 * @throws {UsageError} if a weight is not finite.
 */
export function requireSameArchitecture(
  models: readonly NamedModel[],
  { heads = () => false }: ArchitectureOptions = {},
): void {
  const [first, ...others] = models;
  if (!first) throw new UsageError("Cannot merge as there are no models");
  for (const other of others) {
    requireSameNodes(first, other);
    requireSameInitializers(first, other, heads);
  }
  for (const one of models) requireFinite(one);
}

function requireSameNodes(a: NamedModel, b: NamedModel): void {
  const text = (node: OnnxNode | undefined): string =>
    node
      ? `${node.opType}(${node.inputs.join(", ")}) → ${node.outputs.join(", ")} ${attributesOf(node)}`.trimEnd()
      : "no further node";
  for (let i = 0; i < Math.max(a.model.nodes.length, b.model.nodes.length); i++) {
    const [expected, found] = [text(a.model.nodes[i]), text(b.model.nodes[i])];
    if (expected === found) continue;
    throw new MismatchError("Cannot merge models as their graphs differ", {
      at: `node ${i} of ${b.name}`,
      expected: `${expected} as in ${a.name}`,
      found,
    });
  }
}

function attributesOf({ attrs }: OnnxNode): string {
  const plain = Object.entries(attrs).filter(
    ([, { kind }]) => kind !== "tensor" && kind !== "graph" && kind !== "other",
  );
  return plain.length === 0
    ? ""
    : JSON.stringify(Object.fromEntries(plain.map(([name, attr]) => [name, "value" in attr ? attr.value : null])));
}

function requireSameInitializers(a: NamedModel, b: NamedModel, heads: (name: string) => boolean): void {
  const names = new Set([...a.model.initializers.keys(), ...b.model.initializers.keys()]);
  for (const name of names) {
    const text = ({ model }: NamedModel): string => {
      const initializer = model.initializers.get(name);
      return initializer ? `[${initializer.shape.join(", ")}]` : "none";
    };
    const [expected, found] = [text(a), text(b)];
    if (expected === found || (heads(name) && found !== "none" && expected !== "none")) continue;
    throw new MismatchError("Cannot merge models as their parameters differ", {
      at: `initializer "${name}" of ${b.name}`,
      expected: `${expected} as in ${a.name}`,
      found,
      ...(found !== "none" && expected !== "none"
        ? { try: "if it is the head of another task, keep heads apart" }
        : {}),
    });
  }
}

function requireFinite({ name, model }: NamedModel): void {
  for (const { chosen, initializer } of chooseParameters(model)) {
    if (!chosen) continue;
    const { data } = initializer.read();
    const at = data.findIndex((x: number) => !Number.isFinite(x));
    if (at < 0) continue;
    throw new UsageError("Cannot merge models as a weight is not finite", {
      at: `${name}, parameter "${initializer.name}", entry ${at}`,
      found: data[at] ?? 0,
    });
  }
}
