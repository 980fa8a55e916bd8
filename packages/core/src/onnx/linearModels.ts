/**
 * Makes initializers of the coefficients that ai.onnx.ml's linear models keep in attributes: then they have a name, a
 * shape and a role like any other weight.
 */
import type { Tensor } from "../ir/tensor.ts";
import type { Initializer, OnnxModel, OnnxNode } from "./model.ts";

const linear: ReadonlySet<string> = new Set(["LinearClassifier", "LinearRegressor"]);

/** `model` with `<node>.coefficients [targets, features]` and `<node>.intercepts [targets]` as initializers. */
export function withLinearModels(model: OnnxModel): OnnxModel {
  const promoted = new Map<string, Initializer>();
  const nodes = model.nodes.map((node) =>
    node.domain === "ai.onnx.ml" && linear.has(node.opType) ? promote(node, promoted) : node,
  );
  if (promoted.size === 0) return model;
  return { ...model, nodes, initializers: new Map([...model.initializers, ...promoted]) };
}

function promote(node: OnnxNode, promoted: Map<string, Initializer>): OnnxNode {
  const [coefficients, intercepts] = [floats(node, "coefficients"), floats(node, "intercepts")];
  const targets = targetsOf(node, intercepts.length);
  const store = (name: string, shape: readonly number[], values: readonly number[]): string => {
    if (values.length === 0) return "";
    const full = `${node.name}.${name}`;
    const value: Tensor = { dtype: "float32", shape, data: Float32Array.from(values) };
    promoted.set(full, { name: full, dtype: "float32", shape, read: () => value });
    return full;
  };
  const names = [
    store("coefficients", [targets, coefficients.length / targets], coefficients),
    store("intercepts", [targets], intercepts),
  ];
  return { ...node, inputs: [node.inputs[0] ?? "", ...names] };
}

function floats(node: OnnxNode, name: string): readonly number[] {
  const attr = node.attrs[name];
  return attr?.kind === "floats" ? attr.value : [];
}

/** Rows of the coefficients: one an intercept, else the regressor's targets or the classifier's classes. */
function targetsOf({ attrs }: OnnxNode, intercepts: number): number {
  if (intercepts > 0) return intercepts;
  if (attrs["targets"]?.kind === "int") return attrs["targets"].value;
  const labels = attrs["classlabels_ints"] ?? attrs["classlabels_strings"];
  return labels?.kind === "ints" || labels?.kind === "strings" ? labels.value.length : 1;
}
