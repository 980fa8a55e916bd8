/** What is known of a model's values before anything runs: their shapes, and the numbers of those that are constant. */
import { bindModel, chooseParameters, neededNodes, type OnnxModel, type OnnxNode } from "@hessonite/core";

export interface KnownValue {
  readonly shape: readonly number[];
  /** Row-major, where it does not depend on the inputs and is short enough to count with. */
  readonly numbers?: readonly number[];
}

export interface KnownValues {
  /** The nodes that the outputs need, in the file's order. */
  readonly nodes: readonly OnnxNode[];
  /** By name; absent for sequences. */
  readonly values: ReadonlyMap<string, KnownValue>;
}

/** Operators whose outputs are lists of tensors. */
const makeSequences: ReadonlySet<string> = new Set([
  "Optional",
  "SequenceConstruct",
  "SequenceEmpty",
  "SequenceErase",
  "SequenceInsert",
  "SequenceMap",
  "SplitToSequence",
]);

/** Longer ones are no shapes, sizes or indices. */
const longestList = 65_536;

/**
 * @param shapes Shape of every model input.
 * @throws {UnsupportedModelError | MismatchError} if the model cannot be bound to the shapes.
 */
export function knownValues(model: OnnxModel, shapes: Readonly<Record<string, readonly number[]>>): KnownValues {
  const wanted = model.outputs.map(({ name }) => name);
  const nodes = neededNodes(model, wanted);
  const used = new Set([...wanted, ...nodes.flatMap(({ inputs }) => inputs)]);
  const inner = nodes
    .filter(({ opType }) => !makeSequences.has(opType) && opType !== "Loop")
    .flatMap(({ outputs }) => outputs.filter((name) => name !== "" && used.has(name)));
  const parameters = new Set(weightsOf(model).filter((name) => used.has(name)));
  const names = [...new Set([...wanted, ...inner])];
  const bound = bindModel(model, { shapes, parameters: [...parameters], outputs: names });
  const values = new Map<string, KnownValue>();
  for (const [name, { shape }] of bound.inputs) values.set(name, { shape });
  for (const { name, shape } of model.initializers.values()) values.set(name, { shape });
  names.forEach((name, i) => {
    const value = bound.outputs[i]!;
    const data = value.op === "Constant" ? value.attrs.value.data : undefined;
    values.set(name, {
      shape: value.shape,
      ...(data && data.length <= longestList ? { numbers: Array.from(data) } : {}),
    });
  });
  return { nodes, values };
}

/** Names of the weights: they stay inputs, so that nothing is computed with them. */
function weightsOf(model: OnnxModel): string[] {
  try {
    return chooseParameters(model).flatMap(({ chosen, initializer }) => (chosen ? [initializer.name] : []));
  } catch {
    return []; // no float initializer is used as a weight
  }
}
