/** A curvature product as one ONNX file that any ONNX Runtime runs without us. */
import { writeFile } from "node:fs/promises";
import { basename } from "node:path";
import { evaluateOp } from "../engine/reference/kernels.ts";
import { UsageError } from "../errors.ts";
import { GraphBuilder } from "../ir/builder.ts";
import { encodeElements, widenedDtype } from "../ir/elements.ts";
import type { Shape } from "../ir/shape.ts";
import type { Tensor } from "../ir/tensor.ts";
import type { Loss } from "../loss/loss.ts";
import { encodeModel, type StoredValue } from "../onnx/encode.ts";
import type { OnnxModel } from "../onnx/model.ts";
import { chooseParameters, type ParameterSelection } from "../onnx/select.ts";
import { type ParameterSpace, parameterSpace } from "../operators/parameterSpace.ts";
import { type PortableOperator, type ProductGraph, productGraph } from "./productGraph.ts";

export interface ProductFileOptions {
  readonly model: OnnxModel;
  readonly loss: Loss;
  /** "hessian" or "ggn". */
  readonly operator: PortableOperator;
  /** Of every model input, by name: the batch is part of the file. */
  readonly shapes: Readonly<Record<string, Shape>>;
  /** Rows of v; without, v is one vector `[P]`. */
  readonly k?: number;
  readonly parameters?: ParameterSelection;
  readonly output?: string;
  /** Write the weights to `PATH.data` instead of into the file, as files over 2 GB must. */
  readonly external?: boolean;
}

export interface ProductFile {
  /** P */
  readonly size: number;
  readonly space: ParameterSpace;
  /** Names of the file's inputs with types and shapes, and of its output. */
  readonly inputs: readonly { readonly name: string; readonly dtype: string; readonly shape: Shape }[];
  readonly output: string;
  readonly bytes: number;
}

/** What protobuf can hold in one message. */
const largestFile = 2 ** 31 - 2 ** 20;

/**
 * Writes the product to `path`. Its inputs are the model's data inputs, `target` and `v`; its output is `product`. The metadata
 * say operator, loss, reduction, and where each parameter lies in v: `hessonite.parameters`.
 *
 * @throws {UsageError} if the file would be over 2 GB and its weights are not to be external.
 */
export async function writeProductFile(path: string, options: ProductFileOptions): Promise<ProductFile> {
  const { model, loss, operator, shapes, k, external = false } = options;
  const chosen = chooseParameters(model, options.parameters).flatMap((c) => (c.chosen ? [c.initializer] : []));
  const space = parameterSpace(chosen.map(({ name, shape, dtype }) => ({ name, shape, dtype: widenedDtype(dtype) })));
  const output = options.output ?? (model.outputs.find((o) => o.dtype.startsWith("float")) ?? model.outputs[0]!).name;
  const product = productGraph({ model, space, output, loss, operator, shapes, ...(k !== undefined && { k }) });
  requireFits(space, external);
  const values = chosen.map((initializer) => initializer.read());
  const names = inputNames(product);
  const stored = external
    ? placesOf(space, names, `${basename(path)}.data`)
    : new Map(values.map((value, i) => [names.parameters[i]!, value]));
  const { bytes } = encodeModel(new GraphBuilder(evaluateOp), product.graph, {
    inputNames: [...names.data, names.target, names.v, ...names.parameters],
    outputNames: ["product"],
    stored,
    metadata: metadataOf(options, space, names.parameters, output),
  });
  await writeFile(path, bytes);
  if (external) await writeFile(`${path}.data`, joined(space, values));
  const fed = [...product.inputs.values(), product.target, product.v];
  const fedNames = [...names.data, names.target, names.v];
  const inputs = fed.map(({ dtype, shape }, i) => ({ name: fedNames[i]!, dtype, shape }));
  return { size: space.size, space, inputs, output: "product", bytes: bytes.length };
}

/** Data inputs keep the model's names; the others move aside where one of them is taken. */
function inputNames({ inputs, parameters }: ProductGraph) {
  const taken = new Set(inputs.keys());
  const free = (name: string): string => {
    let candidate = name;
    while (taken.has(candidate)) candidate = `${candidate}_`;
    taken.add(candidate);
    return candidate;
  };
  const [target, v] = [free("target"), free("v")];
  return { data: [...inputs.keys()], target, v, parameters: parameters.map(({ name }) => free(name)) };
}

function requireFits({ size }: ParameterSpace, external: boolean): void {
  if (external || 4 * size < largestFile) return;
  throw new UsageError("Cannot write the product into one file as its weights are more than such a file can hold", {
    found: `${size} parameters`,
    try: "write the weights to a file beside it (external)",
  });
}

function metadataOf(
  { loss, operator, k, shapes, model }: ProductFileOptions,
  { parameters, size }: ParameterSpace,
  names: readonly string[],
  output: string,
): Record<string, string> {
  const table = parameters.map(({ name, shape, offset, size: count }, i) => ({
    name,
    initializer: names[i],
    shape,
    offset,
    size: count,
  }));
  return {
    "hessonite.operator": operator,
    "hessonite.loss": loss.name,
    "hessonite.reduction": `${loss.reduction}${loss.reduction === "mean" ? " over the batch's terms that count" : ""}`,
    "hessonite.model": model.source,
    "hessonite.prediction": output,
    "hessonite.shapes": JSON.stringify(shapes),
    "hessonite.v": k === undefined ? `[${size}]` : `[${k}, ${size}]`,
    "hessonite.parameters": JSON.stringify(table),
  };
}

/** Where each parameter's float32 values lie in the file beside, one after another. */
function placesOf(
  { parameters }: ParameterSpace,
  { parameters: names }: ReturnType<typeof inputNames>,
  location: string,
): Map<string, StoredValue> {
  return new Map(
    parameters.map(({ offset, size }, i) => [names[i]!, { location, offset: 4 * offset, length: 4 * size }]),
  );
}

function joined({ size, parameters }: ParameterSpace, values: readonly Tensor[]): Uint8Array {
  const bytes = new Uint8Array(4 * size);
  values.forEach(({ data }, i) => bytes.set(encodeElements("float32", data), 4 * parameters[i]!.offset));
  return bytes;
}
