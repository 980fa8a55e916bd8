/**
 * Lifts nodes of old opsets to the form that the lowerings know: what later became an input is an input.
 *
 * A row says from which attributes an input is made, and until which opset that was so.
 */
import { UnsupportedModelError } from "../errors.ts";
import type { Tensor } from "../ir/tensor.ts";
import type { OnnxNode } from "./model.ts";

/** A lifted node, and constants that its new inputs name. */
export interface Lifted {
  readonly node: OnnxNode;
  readonly constants: ReadonlyMap<string, Tensor>;
}

interface Row {
  /** The first opset in which the attribute is an input. */
  readonly before: number;
  /** Input position by attribute name. */
  readonly inputs: Readonly<Record<string, number>>;
}

const axesUntil = (before: number): Row => ({ before, inputs: { axes: 1 } });

const rows: Readonly<Record<string, Row>> = {
  Clip: { before: 11, inputs: { min: 1, max: 2 } },
  Dropout: { before: 12, inputs: { ratio: 1 } },
  Pad: { before: 11, inputs: { pads: 1, value: 2 } },
  ReduceL1: axesUntil(18),
  ReduceL2: axesUntil(18),
  ReduceLogSum: axesUntil(18),
  ReduceLogSumExp: axesUntil(18),
  ReduceMax: axesUntil(18),
  ReduceMean: axesUntil(18),
  ReduceMin: axesUntil(18),
  ReduceProd: axesUntil(18),
  ReduceSum: axesUntil(13),
  ReduceSumSquare: axesUntil(18),
  Reshape: { before: 5, inputs: { shape: 1 } },
  Slice: { before: 10, inputs: { starts: 1, ends: 2, axes: 3 } },
  Split: { before: 13, inputs: { split: 1 } },
  Squeeze: axesUntil(13),
  Tile: { before: 6, inputs: { repeats: 1 } },
  TopK: { before: 10, inputs: { k: 1 } },
  Unsqueeze: axesUntil(13),
  Upsample: { before: 9, inputs: { scales: 1 } },
};

/** `node` as the newest opset would spell it. */
export function lift(node: OnnxNode, opset: number): Lifted {
  refuseOldBroadcast(node, opset);
  const { node: lifted, constants } = liftAttributes(node, opset);
  const oldResize = lifted.opType === "Upsample" || (lifted.opType === "Resize" && opset < 11);
  return { node: lifted.domain === "" && oldResize ? newResize(lifted) : lifted, constants };
}

/** Before opset 7 an attribute said whether, and along which axis, the second operand was broadcast. */
function refuseOldBroadcast({ name, opType, domain, attrs }: OnnxNode, opset: number): void {
  if (domain !== "" || opset >= 7 || attrs["broadcast"]?.kind !== "int" || attrs["broadcast"].value === 0) return;
  throw new UnsupportedModelError(`Cannot use ${opType} as it broadcasts by the rules of opsets before 7`, {
    at: `node "${name}"`,
    found: `opset ${opset}`,
    try: "convert the model to a newer opset (onnx.version_converter.convert_version)",
  });
}

/** Resize without a region, whose coordinates were i / scale, cut to whole ones where nothing is interpolated. */
function newResize(node: OnnxNode): OnnxNode {
  const [x = "", scales = ""] = node.inputs;
  return {
    ...node,
    opType: "Resize",
    inputs: [x, "", scales],
    attrs: {
      ...node.attrs,
      coordinate_transformation_mode: { kind: "string", value: "asymmetric" },
      nearest_mode: { kind: "string", value: "floor" },
    },
  };
}

function liftAttributes(node: OnnxNode, opset: number): Lifted {
  const row = node.domain === "" ? rows[node.opType] : undefined;
  if (!row || opset >= row.before) return { node, constants: new Map() };
  const inputs = [...node.inputs];
  const constants = new Map<string, Tensor>();
  for (const [attribute, position] of Object.entries(row.inputs)) {
    const value = tensorOf(node, attribute);
    if (!value) continue;
    const name = `${node.outputs[0]}:${attribute}`;
    while (inputs.length < position) inputs.push("");
    inputs[position] = name;
    constants.set(name, value);
  }
  return { node: { ...node, inputs }, constants };
}

function tensorOf(node: OnnxNode, attribute: string): Tensor | undefined {
  const attr = node.attrs[attribute];
  switch (attr?.kind) {
    case "int":
      return { dtype: "int64", shape: attribute === "k" ? [1] : [], data: Float64Array.of(attr.value) };
    case "ints":
      return { dtype: "int64", shape: [attr.value.length], data: Float64Array.from(attr.value) };
    case "float":
      return { dtype: "float32", shape: [], data: Float64Array.of(attr.value) };
    case "floats":
      return { dtype: "float32", shape: [attr.value.length], data: Float64Array.from(attr.value) };
    default:
      return undefined;
  }
}
