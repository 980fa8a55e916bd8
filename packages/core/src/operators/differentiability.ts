/**
 * Which of a model's nodes derivatives go through, found before anything runs: the model is bound to shapes, and the
 * gradient of its output and that gradient's tangent are built and thrown away.
 */
import { pushForward } from "../autodiff/linearize.ts";
import { gradient } from "../autodiff/pullBack.ts";
import { HessoniteError } from "../errors.ts";
import { graphOf } from "../ir/builder.ts";
import { dependents, type Graph } from "../ir/graph.ts";
import type { Shape } from "../ir/shape.ts";
import { type BoundModel, bindModel, neededNodes, unsupportedNodes } from "../onnx/bind.ts";
import type { OnnxModel, OnnxNode } from "../onnx/model.ts";

export interface DifferentiabilityRequest {
  readonly model: OnnxModel;
  /** Of every model input, by name. */
  readonly shapes: Readonly<Record<string, Shape>>;
  /** Names of the chosen initializers. */
  readonly parameters: readonly string[];
  readonly output: string;
}

/**
 * What a node is to derivatives: "differentiated" lies between a parameter and the output; "constant" does not, so its
 * derivative is never asked for; "unneeded" does not reach the output; "unsupported" has no lowering.
 */
export type NodeStanding = "differentiated" | "constant" | "unneeded" | "unsupported";

export interface Differentiability {
  /** In the file's order. */
  readonly nodes: readonly { readonly node: OnnxNode; readonly standing: NodeStanding }[];
  /** The model as a graph of core operators; absent where it cannot be bound. */
  readonly graph?: Graph;
  /** Why there is no graph or no derivative. */
  readonly problem?: HessoniteError;
}

export function differentiability(request: DifferentiabilityRequest): Differentiability {
  const { model, output } = request;
  const needed = new Set(neededNodes(model, [output]));
  const unsupported = new Set(unsupportedNodes(model.nodes));
  const bound = attempt(() => bind(request));
  const reached = bound.value ? reachedNodes(bound.value) : undefined;
  const nodes = model.nodes.map((node): { node: OnnxNode; standing: NodeStanding } => {
    if (unsupported.has(node)) return { node, standing: "unsupported" };
    if (!needed.has(node)) return { node, standing: "unneeded" };
    return { node, standing: !reached || reached.has(node.name) ? "differentiated" : "constant" };
  });
  const derived = bound.value && attempt(() => secondDerivative(bound.value));
  const problem = bound.problem ?? derived?.problem;
  return {
    nodes,
    ...(bound.value ? { graph: graphOfModel(bound.value) } : {}),
    ...(problem ? { problem } : {}),
  };
}

function bind({ model, shapes, parameters, output }: DifferentiabilityRequest): BoundModel {
  return bindModel(model, { shapes, parameters, outputs: [output] });
}

function graphOfModel({ inputs, parameters, outputs }: BoundModel): Graph {
  return graphOf([...inputs.values(), ...parameters], outputs);
}

/** Names of the nodes whose values depend on a parameter. */
function reachedNodes({ parameters, outputs }: BoundModel): Set<string> {
  return new Set(dependents(outputs, parameters).flatMap((value) => (value.origin ? [value.origin.node] : [])));
}

/** Builds what a Hessian product needs of the model, with the loss ‖f‖². */
function secondDerivative({ g, parameters, outputs }: BoundModel): void {
  const [f] = outputs as [BoundModel["outputs"][number]];
  const slopes = gradient(g, g.total(g.mul(f, f)), parameters);
  pushForward(g, slopes, new Map(parameters.map((p) => [p, p])));
}

type Attempt<T> =
  | { readonly value: T; readonly problem?: never }
  | { readonly value?: never; readonly problem: HessoniteError };

function attempt<T>(work: () => T): Attempt<T> {
  try {
    return { value: work() };
  } catch (error) {
    if (error instanceof HessoniteError) return { problem: error };
    throw error;
  }
}
