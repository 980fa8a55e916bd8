/**
 * Binds a model to concrete shapes: ONNX nodes in, a statically shaped graph of core operators out.
 *
 * Shape arithmetic folds on the way, because the builder evaluates what is constant; parameters become graph inputs,
 * everything else that is stored becomes a constant. Only what the chosen outputs need is lowered.
 */
import { evaluateOp } from "../engine/reference/kernels.ts";
import { MismatchError, UnsupportedModelError, UsageError } from "../errors.ts";
import { GraphBuilder } from "../ir/builder.ts";
import { widenedDtype } from "../ir/elements.ts";
import { dependents, type InputValue, type Value } from "../ir/graph.ts";
import { type Shape, showShape } from "../ir/shape.ts";
import type { Tensor } from "../ir/tensor.ts";
import { defaultOutput } from "./defaultOutput.ts";
import { lift } from "./lift.ts";
import { type Bound, isSequence, type LoweringContext, loweringContext } from "./lower/context.ts";
import { loweringKey, lowerings } from "./lower/index.ts";
import { refusalOf } from "./lower/refused.ts";
import type { Initializer, OnnxModel, OnnxNode, Subgraph } from "./model.ts";

export interface BindOptions {
  /** Shape of every model input, by name. */
  readonly shapes: Readonly<Record<string, Shape>>;
  /** Names of the initializers that become graph inputs. */
  readonly parameters: readonly string[];
  /** Outputs wanted, by name; by default the first. */
  readonly outputs?: readonly string[];
}

/** A model at concrete shapes. */
export interface BoundModel {
  /** The builder that holds the model's nodes: emit into it, and they are shared. */
  readonly g: GraphBuilder;
  /** Data inputs that the outputs need, by name. */
  readonly inputs: ReadonlyMap<string, InputValue>;
  /** In the order asked for. */
  readonly parameters: readonly InputValue[];
  readonly outputs: readonly Value[];
}

/**
 * @throws {UnsupportedModelError} if an operator that the outputs need has no lowering (all such are named), or the
 *   graph is not in order.
 * @throws {UsageError} if the model has no output of a name.
 * @throws {MismatchError} if the shapes do not fit the model; the error names the node.
 */
export function bindModel(model: OnnxModel, { shapes, parameters, outputs }: BindOptions): BoundModel {
  const wanted = outputs ?? [defaultOutput(model)];
  checkOutputs(model, wanted);
  const needed = neededNodes(model, wanted);
  checkSupported(model, needed);
  const g = new GraphBuilder(evaluateOp);
  const env = new Map<string, Bound>();
  const parameterInputs = parameters.map((name) => {
    const { dtype, shape } = model.initializers.get(name)!;
    const input = g.input(name, widenedDtype(dtype), shape);
    env.set(name, input);
    return input;
  });
  const used = new Set(needed.flatMap((node) => [...node.inputs, ...outerNames(node)]));
  const inputs = new Map<string, InputValue>();
  for (const port of model.inputs) {
    if (!used.has(port.name) && !wanted.includes(port.name)) continue;
    const input = g.input(port.name, widenedDtype(port.dtype), boundShape(port.name, port.shape, shapes));
    inputs.set(port.name, input);
    env.set(port.name, input);
  }
  new Lowerer(model, g, [...inputs.values()]).run({ ...model, nodes: needed }, env);
  return {
    g,
    inputs,
    parameters: parameterInputs,
    outputs: wanted.map((name) => tensorOf(resolve(env, model, g, name), name)),
  };
}

function tensorOf(bound: Bound, name: string): Value {
  if (!isSequence(bound)) return bound;
  throw new UnsupportedModelError("Cannot use an output as it is a sequence, not a tensor", { at: `output "${name}"` });
}

/** An output, or any other value that the graph has. */
function checkOutputs({ source, outputs, inputs, initializers, nodes }: OnnxModel, wanted: readonly string[]): void {
  const known = [...outputs, ...inputs].map(({ name }) => name);
  const missing = wanted.find(
    (name) => !known.includes(name) && !initializers.has(name) && !nodes.some((node) => node.outputs.includes(name)),
  );
  if (missing === undefined) return;
  throw new UsageError("Cannot use an output as the model has none of that name", {
    at: source,
    expected: `one of ${outputs.map(({ name }) => name).join(", ")}`,
    found: missing,
  });
}

/** Names that the bodies of a node's subgraphs take from around them. */
function outerNames(node: OnnxNode): string[] {
  return Object.values(node.attrs).flatMap((attr) =>
    attr.kind === "graph"
      ? attr.value.nodes
          .flatMap((inner) => [...inner.inputs, ...outerNames(inner)])
          .concat(attr.value.outputs.map((o) => o.name))
      : [],
  );
}

/** The nodes that the outputs need, in the file's order. */
export function neededNodes(model: OnnxModel, outputs: readonly string[]): OnnxNode[] {
  const producers = new Map(model.nodes.flatMap((node) => node.outputs.map((name) => [name, node] as const)));
  const needed = new Set<OnnxNode>();
  const pending = [...outputs];
  for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
    const node = producers.get(name);
    if (!node || needed.has(node)) continue;
    needed.add(node);
    pending.push(...node.inputs, ...outerNames(node));
  }
  return model.nodes.filter((node) => needed.has(node));
}

/** Operators without a lowering among these nodes. */
export function unsupportedNodes(nodes: readonly OnnxNode[]): OnnxNode[] {
  return nodes.filter((node) => !(loweringKey(node.domain, node.opType) in lowerings));
}

/** Names every operator that cannot be lowered, each once with its reason. */
function checkSupported(model: OnnxModel, nodes: readonly OnnxNode[]): void {
  const missing = unsupportedNodes(nodes);
  const [first] = missing;
  if (!first) return;
  const kinds = new Map(missing.map((node) => [loweringKey(node.domain, node.opType), node]));
  const [kind] = kinds.keys();
  throw new UnsupportedModelError(`Cannot use ${kind} as ${refusalOf(kind!)}`, {
    at: `${model.source}, node "${first.name}"${missing.length > 1 ? ` and ${missing.length - 1} more` : ""}`,
    ...(kinds.size > 1 ? { found: [...kinds.keys()].join(", ") } : {}),
    try: "export with other operators, or choose an output that does not need them",
  });
}

function boundShape(
  name: string,
  declared: OnnxModel["inputs"][number]["shape"],
  shapes: BindOptions["shapes"],
): Shape {
  const shape = shapes[name];
  if (!shape)
    throw new MismatchError("Cannot bind the model as the shape of an input is not given", { at: `input "${name}"` });
  const fits =
    !declared ||
    (declared.length === shape.length && declared.every((d, i) => typeof d !== "number" || d === shape[i]));
  if (!fits) {
    throw new MismatchError("Cannot bind the model as a shape does not fit its input", {
      at: `input "${name}"`,
      expected: `[${declared!.map((d) => d ?? "?").join(", ")}]`,
      found: showShape(shape),
    });
  }
  return shape;
}

function resolve(env: ReadonlyMap<string, Bound>, model: OnnxModel, g: GraphBuilder, name: string): Bound {
  const value = env.get(name);
  if (value) return value;
  const stored = model.initializers.get(name);
  if (stored) return g.constantTensor(stored.read());
  throw new UnsupportedModelError("Cannot read the model as a value is used that nothing produces before", {
    at: `${model.source}, value "${name}"`,
    try: "the graph is cyclic, out of order or cut off: export it again",
  });
}

/** Lowers nodes in order; subgraphs see the values around them. */
class Lowerer {
  readonly #model: OnnxModel;
  readonly #g: GraphBuilder;
  readonly #data: readonly InputValue[];
  readonly #read = new Map<Initializer, Tensor>();

  constructor(model: OnnxModel, g: GraphBuilder, data: readonly InputValue[]) {
    this.#model = model;
    this.#g = g;
    this.#data = data;
  }

  run(graph: Subgraph, env: Map<string, Bound>): void {
    for (const node of graph.nodes) this.#lower(node, env);
  }

  #lower(original: OnnxNode, env: Map<string, Bound>): void {
    const opset = original.opset ?? this.#model.opsets.get(original.domain) ?? 1;
    const { node, constants } = lift(original, opset);
    const key = loweringKey(node.domain, node.opType);
    const lowering = lowerings[key];
    if (!lowering)
      throw new UnsupportedModelError(`Cannot use ${key} as ${refusalOf(key)}`, { at: `node "${node.name}"` });
    const context: LoweringContext = loweringContext(node, {
      g: this.#g,
      opset,
      lookup: (name) => {
        const constant = constants.get(name);
        return constant ? this.#g.constantTensor(constant) : this.#lookup(name, env);
      },
      lowerSubgraph: (body, inputs) => this.#body(body, inputs, env),
      dependsOnData: (value) => dependents([value], this.#data).includes(value),
    });
    const outputs = this.#g.from({ node: node.name, opType: node.opType }, () => lowering(context));
    const list = Array.isArray(outputs) ? (outputs as readonly (Bound | undefined)[]) : [outputs as Bound];
    node.outputs.forEach((name, i) => {
      const value = list[i];
      if (value && name) env.set(name, value);
    });
  }

  #lookup(name: string, env: ReadonlyMap<string, Bound>): Bound {
    const value = env.get(name);
    if (value) return value;
    const stored = this.#model.initializers.get(name);
    return stored ? this.#stored(stored) : resolve(env, this.#model, this.#g, name);
  }

  /** Each is read once. */
  #stored(initializer: Initializer): Value {
    const tensor = this.#read.get(initializer) ?? initializer.read();
    this.#read.set(initializer, tensor);
    return this.#g.constantTensor(tensor);
  }

  /** Names inside hide those around them. */
  #body(body: Subgraph, inputs: readonly Bound[], env: ReadonlyMap<string, Bound>): Bound[] {
    const inner = new Map(env);
    for (const [name, stored] of body.initializers) inner.set(name, this.#stored(stored));
    body.inputs.forEach((port, i) => {
      if (inputs[i]) inner.set(port.name, inputs[i]);
    });
    this.run(body, inner);
    return body.outputs.map((o) => this.#lookup(o.name, inner));
  }
}
