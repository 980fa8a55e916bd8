/**
 * What each float initializer is in the model: a weight, bias, scale or table, which are parameters unless said
 * otherwise, or something that is not.
 *
 * The role follows from the operator that consumes it, not from its name. Where several consume it, the first
 * parameter role counts.
 */
import { isFloat } from "../ir/dtype.ts";
import { sizeOf } from "../ir/shape.ts";
import { dataFreeArithmetic } from "./dataFree.ts";
import { isAnonymous, isMade } from "./identity/anonymous.ts";
import type { Initializer, OnnxModel, OnnxNode } from "./model.ts";
import { featuresOf, isNormalised, isProductInto, type Surroundings } from "./roleContext.ts";
import { stateOf } from "./states.ts";

export const parameterRoles = ["weight", "bias", "scale", "table"] as const;

export type Role =
  | (typeof parameterRoles)[number]
  | "normalisation statistic"
  | "initial state"
  | "mask"
  | "position table"
  | "scalar"
  | "constant";

export interface InitializerRole {
  readonly initializer: Initializer;
  readonly role: Role;
  /** One sentence: which node consumes it as what. */
  readonly reason: string;
  /** The use that decided; none where nothing consumes it. */
  readonly use?: Use;
}

/** True for the roles that are chosen unless said otherwise. */
export function isParameterRole(role: Role): boolean {
  return (parameterRoles as readonly string[]).includes(role);
}

/** Operators through which a weight, or a part of it, reaches its consumer. */
const passThrough = new Set([
  "Cast",
  "Flatten",
  "Identity",
  "Reshape",
  "Slice",
  "Split",
  "Squeeze",
  "Transpose",
  "Unsqueeze",
]);

/** Roles by input position; "elementwise" is decided by shape and values. */
const byPosition: Readonly<Record<string, readonly (Role | "elementwise" | undefined)[]>> = {
  Add: ["elementwise", "elementwise"],
  Mul: ["elementwise", "elementwise"],
  BatchNormalization: [undefined, "scale", "bias", "normalisation statistic", "normalisation statistic"],
  BiasGelu: [undefined, "bias"],
  Conv: [undefined, "weight", "bias"],
  ConvTranspose: [undefined, "weight", "bias"],
  Einsum: ["weight", "weight", "weight", "weight"],
  FusedMatMul: ["weight", "weight"],
  GRU: [undefined, "weight", "weight", "bias", undefined, "initial state"],
  FastGelu: [undefined, "bias"],
  Gather: ["table"],
  GatherND: ["table"],
  Gemm: ["weight", "weight", "bias"],
  GroupNormalization: [undefined, "scale", "bias"],
  InstanceNormalization: [undefined, "scale", "bias"],
  LSTM: [undefined, "weight", "weight", "bias", undefined, "initial state", "initial state", "weight"],
  LayerNormalization: [undefined, "scale", "bias"],
  LinearClassifier: [undefined, "weight", "bias"],
  LinearRegressor: [undefined, "weight", "bias"],
  MatMul: ["weight", "weight"],
  MultiHeadAttention: [undefined, undefined, undefined, "bias"],
  PRelu: [undefined, "scale"],
  RMSNormalization: [undefined, "scale"],
  RNN: [undefined, "weight", "weight", "bias", undefined, "initial state"],
  SimplifiedLayerNormalization: [undefined, "scale"],
  SkipLayerNormalization: [undefined, undefined, "scale", "bias", "bias"],
  SkipSimplifiedLayerNormalization: [undefined, undefined, "scale", "bias"],
  Where: [undefined, "mask", "mask"],
};

export interface Use {
  readonly node: OnnxNode;
  readonly position: number;
  /** It arrives in pieces, rows of more than one axis: as Keras' `[2, units]` biases of a GRU do. */
  readonly piece?: boolean;
}

/** The role of every float initializer whose name is `wanted`, in the file's order. May read small ones to tell masks. */
export function initializerRoles(model: OnnxModel, wanted: (name: string) => boolean = () => true): InitializerRole[] {
  const uses = usesByName(model);
  const producers = new Map(allNodes(model.nodes).flatMap((node) => node.outputs.map((name) => [name, node] as const)));
  const around = { producers, initializers: model.initializers };
  const isMadeOf = dataFreeArithmetic(model);
  return [...model.initializers.values()]
    .filter(({ name, dtype }) => isFloat(dtype) && wanted(name))
    .map((initializer) => roleOf(initializer, consumers(initializer.name, { uses, isMadeOf }), around));
}

/** The nodes, and those of the graphs inside them. */
function allNodes(nodes: readonly OnnxNode[]): OnnxNode[] {
  return nodes.flatMap((node) => [
    node,
    ...Object.values(node.attrs).flatMap((attr) => (attr.kind === "graph" ? allNodes(attr.value.nodes) : [])),
  ]);
}

function usesByName(model: OnnxModel): ReadonlyMap<string, readonly Use[]> {
  const uses = new Map<string, Use[]>();
  for (const node of allNodes(model.nodes)) {
    node.inputs.forEach((name, position) => {
      uses.set(name, [...(uses.get(name) ?? []), { node, position }]);
    });
  }
  return uses;
}

interface Paths {
  readonly uses: ReadonlyMap<string, readonly Use[]>;
  /** Whether a node computes with parameters alone. */
  isMadeOf(node: OnnxNode): boolean;
}

/**
 * Who consumes a value in the end, looking through what only moves, cuts or converts it, and into loops. What a layer makes
 * its weight of is consumed where the weight is: before what takes part in making it.
 */
function consumers(name: string, paths: Paths, depth = 0): Use[] {
  return (paths.uses.get(name) ?? []).flatMap((use) => {
    const makes = paths.isMadeOf(use.node) && !(use.node.opType === "Expand" && isAnonymous(name));
    const further = depth >= 8 ? [] : makes ? madeOf(use) : movedTo(use);
    if (further.length === 0) return [use];
    const found = further.flatMap((moved) => consumers(moved, paths, depth + 1));
    if (makes) return [...found, use];
    return use.node.opType === "Split" ? found.map((end) => ({ ...end, piece: true })) : found;
  });
}

/** What is computed of a parameter; of what goes into a standardisation, the weight alone. */
function madeOf({ node, position }: Use): readonly string[] {
  return position === 0 || !/^(BatchNormalization|Clip|Expand)$/.test(node.opType) ? node.outputs.slice(0, 1) : [];
}

/** What a node only moves, cuts or converts its input to: its outputs, or the name that a loop knows it by. */
function movedTo({ node, position }: Use): readonly string[] {
  if (passThrough.has(node.opType)) return position === 0 ? node.outputs : [];
  const constant = stateOf(node, position);
  return constant?.kept ? [constant.name] : [];
}

function roleOf(initializer: Initializer, found: readonly Use[], around: Surroundings): InitializerRole {
  const roles = found.map((use) => ({ use, role: roleInUse(initializer, use, around) }));
  const best = roles.find(({ role }) => isParameterRole(role)) ?? roles[0];
  if (!best) return { initializer, role: "constant", reason: "no node consumes it" };
  const { node, position } = best.use;
  const reason = `${best.role}: input ${position} of ${node.opType} "${node.name}"`;
  return { initializer, role: best.role, reason, use: best.use };
}

function roleInUse(initializer: Initializer, use: Use, around: Surroundings): Role {
  const { node, position } = use;
  const role = stateOf(node, position) ? "initial state" : byPosition[node.opType]?.[position];
  if (isMade(initializer.name) || isFiller(initializer, node, role)) return "constant";
  if (role !== "elementwise") return role ?? "constant";
  return elementwiseRole(initializer, use, around);
}

/**
 * The ones and zeros that exporters give to a normalisation that has no scale and bias, as to the InstanceNormalization of
 * which PyTorch's newer exporter makes a GroupNorm. They have no name of their own.
 */
function isFiller(initializer: Initializer, { opType }: OnnxNode, role: Role | "elementwise" | undefined): boolean {
  if (!opType.endsWith("Normalization") || !isAnonymous(initializer.name)) return false;
  if (role !== "scale" && role !== "bias") return false;
  const neutral = role === "scale" ? 1 : 0;
  return sizeOf(initializer.shape) < 2 ** 20 && initializer.read().data.every((x: number) => x === neutral);
}

/** An operand of Add or Mul: a vector over one axis is a bias or scale; more axes are a table or mask laid over activations. */
function elementwiseRole(initializer: Initializer, { node, position, piece }: Use, around: Surroundings): Role {
  const role = node.opType === "Add" ? "bias" : "scale";
  const other = node.inputs[1 - position] ?? "";
  const axes = initializer.shape.filter((d) => d !== 1).length;
  const longAxes = piece && axes > 1 ? axes - 1 : axes;
  if (longAxes > 0 && holdsMask(initializer)) return "mask";
  if (longAxes > 1) return belongsToLayer(initializer, role, other, around) ? role : "position table";
  if (longAxes === 1) return role;
  // A bias of one element is one if it follows a product into one feature; anything else of one element is a scalar.
  return role === "bias" && initializer.shape.length > 0 && featuresOf(other, around) === 1 ? role : "scalar";
}

/** Of several axes, and yet a layer's: the bias of a product into heads, or what a spelt-out normalisation ends with. */
function belongsToLayer(initializer: Initializer, role: Role, other: string, around: Surroundings): boolean {
  return isNormalised(other, around) || (role === "bias" && isProductInto(initializer.shape, other, around));
}

/** Masks carry −∞ or numbers that stand for it. */
function holdsMask(initializer: Initializer): boolean {
  if (sizeOf(initializer.shape) > 2 ** 24) return false;
  return initializer.read().data.some((x) => x <= -1e4);
}
