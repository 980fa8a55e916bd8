/**
 * Parameters that an exporter has merged because they were equal, and kept apart by an `Identity` named after each.
 *
 *     layer2.bias = Identity(layer1.bias)        two parameters that happen to be equal, not one used twice
 *
 * Each such name becomes an initializer of its own, with the values of the one that it was copied from.
 */
import { isFloat } from "../../ir/dtype.ts";
import type { Initializer, OnnxModel, OnnxNode } from "../model.ts";
import { isAnonymous } from "./anonymous.ts";

/** `model` with every alias that has its own name made a parameter. */
export function withOwnAliases(model: OnnxModel): OnnxModel {
  const outputs = new Set(model.outputs.map(({ name }) => name));
  const aliases = model.nodes.flatMap((node) => {
    const found = aliasOf(node, model.initializers);
    return found && !outputs.has(found.name) ? [{ node, initializer: found }] : [];
  });
  if (aliases.length === 0) return model;
  const gone = new Set(aliases.map(({ node }) => node));
  const added = aliases.map(({ initializer }) => [initializer.name, initializer] as const);
  return {
    ...model,
    nodes: model.nodes.filter((node) => !gone.has(node)),
    initializers: new Map([...model.initializers, ...added]),
  };
}

function aliasOf(
  { opType, domain, inputs, outputs }: OnnxNode,
  initializers: OnnxModel["initializers"],
): Initializer | undefined {
  const [name = "", source] = [outputs[0], initializers.get(inputs[0] ?? "")];
  if (opType !== "Identity" || domain !== "" || !source || !isFloat(source.dtype) || isAnonymous(name))
    return undefined;
  const { dtype, shape } = source;
  return { name, dtype, shape, storage: { name: source.name, shared: true }, read: () => source.read() };
}
