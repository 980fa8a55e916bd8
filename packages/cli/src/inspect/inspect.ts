/** Reads a model and says what it is made of, what counts as a parameter, and what can be differentiated. */
import {
  chooseParameters,
  type Differentiability,
  differentiability,
  equalParameters,
  type InitializerChoice,
  initializerRoles,
  isParameterRole,
  type NodeStanding,
  type OnnxModel,
  print,
} from "@hessonite/core";
import { fileIdentity } from "../options/fileIdentity.ts";
import { openModel } from "../options/model.ts";
import { inputShapes } from "./inputShapes.ts";
import type { InspectOptions } from "./options.ts";
import type { InspectResult } from "./result.ts";

export async function inspectModel(options: InspectOptions): Promise<InspectResult> {
  const model = await openModel(options);
  const choices = choicesOf(model, options.parameters);
  const initializers = choices.map(describeChoice);
  const chosen = initializers.filter((i) => i.chosen);
  const prediction = options.output ?? predictionOf(model);
  const shapes = inputShapes(model, { batch: options.batch, dims: options.dims ?? [] });
  const parameters = chosen.map((i) => i.name);
  const found = differentiability({ model, shapes, parameters, output: prediction });
  const unsupported = found.nodes.filter(({ standing }) => standing === "unsupported");
  return {
    file: await fileIdentity(options.model),
    producer: model.producer,
    irVersion: model.irVersion,
    opsets: Object.fromEntries([...model.opsets].map(([domain, opset]) => [domain || "ai.onnx", opset])),
    inputs: model.inputs.map(describePort),
    outputs: model.outputs.map(describePort),
    prediction,
    parameterCount: chosen.reduce((sum, i) => sum + i.count, 0),
    initializers,
    copies: equalParameters(model).map((copy) => ({ ...copy })),
    operators: operatorCounts(found),
    unsupported: unsupported.map(({ node }) => ({ node: node.name, operator: operatorOf(node) })),
    boundAt: shapes,
    differentiable: found.problem === undefined && chosen.length > 0,
    problem: found.problem?.message ?? (chosen.length > 0 ? null : "no initializer is chosen as a parameter"),
    ...(options.graph && found.graph && { graph: print(found.graph) }),
  };
}

/** Unlike the operators, which need parameters, this also describes models that have none. */
function choicesOf(model: OnnxModel, selection: readonly string[] | undefined): InitializerChoice[] {
  if (selection) return chooseParameters(model, selection);
  return initializerRoles(model).map((role) => ({ ...role, chosen: isParameterRole(role.role) }));
}

function describeChoice({
  initializer,
  role,
  reason,
  chosen,
}: InitializerChoice): InspectResult["initializers"][number] {
  const { name, dtype, shape } = initializer;
  return { name, dtype, shape: [...shape], count: shape.reduce((n, d) => n * d, 1), role, chosen, reason };
}

function describePort({ name, dtype, shape }: OnnxModel["inputs"][number]): InspectResult["inputs"][number] {
  return { name, dtype, shape: shape && [...shape] };
}

function predictionOf({ outputs }: OnnxModel): string {
  return (outputs.find((port) => port.dtype.startsWith("float")) ?? outputs[0])?.name ?? "";
}

function operatorOf({ domain, opType }: OnnxModel["nodes"][number]): string {
  return domain === "" ? opType : `${domain}:${opType}`;
}

type OperatorCount = InspectResult["operators"][number];

function operatorCounts({ nodes }: Differentiability): OperatorCount[] {
  const counts = new Map<string, OperatorCount>();
  for (const { node, standing } of nodes) {
    const operator = operatorOf(node);
    const before = counts.get(operator) ?? none(operator);
    counts.set(operator, { ...before, nodes: before.nodes + 1, [standing]: before[standing] + 1 });
  }
  return [...counts.values()].sort((a, b) => b.nodes - a.nodes || (a.operator < b.operator ? -1 : 1));
}

function none(operator: string): OperatorCount {
  const standings: Record<NodeStanding, number> = { differentiated: 0, constant: 0, unneeded: 0, unsupported: 0 };
  return { operator, nodes: 0, ...standings };
}
