/** Reads an ONNX file or its bytes into plain records. */
import { readFile } from "node:fs/promises";
import { basename, dirname } from "node:path";
import type { onnx } from "onnx-proto";
import { UnsupportedModelError, UsageError } from "../errors.ts";
import type { Dtype } from "../ir/dtype.ts";
import { bytesPerElement } from "../ir/elements.ts";
import { sizeOf } from "../ir/shape.ts";
import { openingFacts } from "../openingFacts.ts";
import { editModel } from "./edit/editModel.ts";
import { externalTensor } from "./externalData.ts";
import { inlineFunctions, type LocalFunction } from "./functions.ts";
import { withOwnAliases } from "./identity/aliases.ts";
import { withLayerNames } from "./identity/layerNames.ts";
import { nodeScopes } from "./identity/scopes.ts";
import { withLinearModels } from "./linearModels.ts";
import type { Dimension, Initializer, OnnxAttr, OnnxModel, OnnxNode, Port, Subgraph } from "./model.ts";
import { messages } from "./proto.ts";
import { decodeTensor, dimsOf, dtypeOfCode } from "./tensorProto.ts";
import { messageFields } from "./wire.ts";

/**
 * Reads a model.
 *
 * @param source A file's path, or the file's bytes.
 * @returns The model as it stands, its parameters told apart and named (see identity/); weights are read when asked for.
 * @throws {UsageError} if the file cannot be read.
 * @throws {UnsupportedModelError} if it is no ONNX model, or is cut off.
 *
 * @example
 * ```ts no-run
 * const model = await readModel("model.onnx");
 * console.log(model.inputs.map((input) => input.name));
 * ```
 */
export async function readModel(source: string | Uint8Array): Promise<OnnxModel> {
  const file = await openFile(source);
  return decodeModel(file.bytes, file);
}

/** A model's file: its bytes, and the model as they spell it. */
export interface ModelFile {
  /** Data that lie in files beside the model are inside. */
  readonly bytes: Uint8Array;
  /** Every name as stored, every node in its place: nothing inlined, renamed or told apart. */
  readonly model: OnnxModel;
}

/**
 * Reads a model as its file spells it, to be changed by `editModel`.
 *
 * @throws {UsageError} if the file cannot be read.
 * @throws {UnsupportedModelError} if it is no ONNX model, or has functions of its own, whose nodes have no place in its graph, or
 *   data in other files that are too large for one.
 */
export async function readModelFile(source: string | Uint8Array): Promise<ModelFile> {
  const file = await openFile(source);
  const proto = parse(file.bytes, file.name);
  if (proto.functions?.length) {
    throw new UnsupportedModelError("Cannot change the model's graph as parts of it are functions of its own", {
      at: file.name,
      found: proto.functions.map((f) => f.name ?? "?").join(", "),
      try: "inline the model's functions first (onnx.inliner.inline_local_functions)",
    });
  }
  const model = storedModel(proto, file);
  return { bytes: withDataInside(file.bytes, proto, model), model };
}

/** Bytes that a protobuf message may have. */
const largestMessage = 2 ** 31 - 1;

function withDataInside(
  bytes: Uint8Array,
  { graph }: onnx.IModelProto,
  { source, initializers }: OnnxModel,
): Uint8Array {
  const { EXTERNAL } = messages.TensorProto.DataLocation;
  const outside = (graph?.initializer ?? [])
    .filter(({ dataLocation }) => dataLocation === EXTERNAL)
    .map(({ name }) => initializers.get(name ?? "")!);
  if (outside.length === 0) return bytes;
  const size = outside.reduce((sum, { dtype, shape }) => sum + sizeOf(shape) * bytesPerElement(dtype), bytes.length);
  if (size > largestMessage) {
    throw new UnsupportedModelError("Cannot change the model's graph as its data are too large for one file", {
      at: source,
      expected: `at most ${largestMessage} bytes`,
      found: size,
    });
  }
  // 16-bit floats are read as float32 and stay 16 bits in the file.
  const tensors = outside.map(({ name, dtype, read }) => [name, { ...read(), dtype }] as const);
  return editModel(bytes, { initializers: new Map(tensors) });
}

async function openFile(source: string | Uint8Array): Promise<Source & { readonly bytes: Uint8Array }> {
  if (typeof source !== "string") return { bytes: source, name: "bytes" };
  const bytes = await readFile(source).catch((cause: NodeJS.ErrnoException) => {
    throw new UsageError("Cannot read the model as its file cannot be opened", openingFacts(source, cause), { cause });
  });
  return { bytes, name: basename(source), folder: dirname(source) };
}

interface Source {
  readonly name: string;
  /** Where external data lie. */
  readonly folder?: string;
}

function decodeModel(bytes: Uint8Array, source: Source): OnnxModel {
  const proto = parse(bytes, source.name);
  const scopes = nodeScopes(bytes);
  const stored = storedModel(proto, source);
  const scoped = {
    ...stored,
    nodes: stored.nodes.map((node, i) => (scopes[i] ? { ...node, scope: scopes[i] } : node)),
  };
  const inlined = inlineFunctions(scoped, decodeFunctions(proto.functions ?? [], bytes, source));
  return withLayerNames(withOwnAliases(withLinearModels(inlined)));
}

function storedModel(proto: onnx.IModelProto, source: Source): OnnxModel {
  return {
    source: source.name,
    irVersion: Number(proto.irVersion),
    opsets: opsetsOf(proto.opsetImport),
    producer: [proto.producerName, proto.producerVersion].filter(Boolean).join(" "),
    ...decodeGraph(proto.graph!, source),
  };
}

function opsetsOf(imports: readonly onnx.IOperatorSetIdProto[] | null | undefined): Map<string, number> {
  return new Map((imports ?? []).map(({ domain, version }) => [normalDomain(domain), Number(version)]));
}

function decodeFunctions(
  functions: readonly onnx.IFunctionProto[],
  bytes: Uint8Array,
  source: Source,
): LocalFunction[] {
  if (functions.length === 0) return [];
  const encoded = [...messageFields(bytes)].filter(({ number }) => number === functionsField);
  return functions.map((f, i) => ({
    name: f.name ?? "",
    domain: normalDomain(f.domain),
    inputs: f.input ?? [],
    outputs: f.output ?? [],
    defaults: decodeDefaults(encoded[i]!.bytes, source),
    nodes: decodeNodes(f.node ?? [], source),
    opsets: opsetsOf(f.opsetImport),
  }));
}

/** ModelProto.functions and FunctionProto.attribute_proto. onnx-proto does not know the latter. */
const [functionsField, defaultsField] = [25, 11];

function decodeDefaults(message: Uint8Array, source: Source): LocalFunction["defaults"] {
  const found = [...messageFields(message)].filter(({ number }) => number === defaultsField);
  return Object.fromEntries(
    found.map(({ bytes }) => {
      const attr = messages.AttributeProto.decode(bytes);
      return [attr.name, attrOf(attr, source)];
    }),
  );
}

function parse(bytes: Uint8Array, name: string): onnx.IModelProto {
  let proto: onnx.IModelProto;
  try {
    proto = messages.ModelProto.decode(bytes);
  } catch (cause) {
    throw new UnsupportedModelError(
      "Cannot read the model as its bytes are not a whole ONNX file",
      {
        at: name,
        found: `${bytes.length} bytes that stop making sense`,
        try: "check that the file is an .onnx file and was copied whole",
      },
      { cause },
    );
  }
  if (!proto.graph || !proto.irVersion || !proto.opsetImport?.length || !proto.graph.output?.length) {
    throw new UnsupportedModelError("Cannot read the model as the file is not an ONNX model", {
      at: name,
      expected: "an ONNX ModelProto with a graph, its outputs and an opset",
      found: `${bytes.length} bytes without them`,
      try: "check that the file is an .onnx file and was copied whole",
    });
  }
  checkOpset(proto, name);
  return proto;
}

/** The newest version of ONNX's own operators that is known. */
const newestOpset = 28;

function checkOpset({ opsetImport }: onnx.IModelProto, at: string): void {
  const version = opsetsOf(opsetImport).get("");
  if (version === undefined || version <= newestOpset) return;
  throw new UnsupportedModelError("Cannot read the model as it uses a version of ONNX's operators that is not known", {
    at,
    expected: `opset ${newestOpset} at most`,
    found: version,
    try: "convert the model (onnx.version_converter.convert_version), or export it with another opset",
  });
}

/** "ai.onnx" is another name of the default domain. */
function normalDomain(domain: string | null | undefined): string {
  return !domain || domain === "ai.onnx" ? "" : domain;
}

function decodeGraph(graph: onnx.IGraphProto, source: Source): Subgraph {
  const initializers = new Map((graph.initializer ?? []).map((t) => [t.name ?? "", initializerOf(t, source)]));
  checkProducers(graph, source);
  return {
    initializers,
    inputs: (graph.input ?? []).filter((i) => !initializers.has(i.name ?? "")).map(portOf),
    outputs: (graph.output ?? []).map(portOf),
    nodes: decodeNodes(graph.node ?? [], source),
  };
}

/** A name stands for one value. */
function checkProducers(graph: onnx.IGraphProto, source: Source): void {
  const produced = new Set<string>();
  for (const name of (graph.node ?? []).flatMap((node) => node.output ?? [])) {
    if (name !== "" && produced.has(name)) {
      throw new UnsupportedModelError("Cannot read the model as two nodes produce the same value", {
        at: source.name,
        found: name,
      });
    }
    produced.add(name);
  }
}

function decodeNodes(nodes: readonly onnx.INodeProto[], source: Source): OnnxNode[] {
  return nodes.map((node) => ({
    name: node.name || node.output?.[0] || "?",
    opType: node.opType ?? "",
    domain: normalDomain(node.domain),
    inputs: node.input ?? [],
    outputs: node.output ?? [],
    attrs: Object.fromEntries((node.attribute ?? []).map((a) => [a.name ?? "", attrOf(a, source)])),
  }));
}

function initializerOf(proto: onnx.ITensorProto, source: Source): Initializer {
  const dtype = dtypeOfCode(proto.dataType ?? 0);
  const name = proto.name ?? "";
  const external = proto.dataLocation === messages.TensorProto.DataLocation.EXTERNAL;
  return {
    name,
    dtype: dtype ?? "string", // cannot be read; read() says so
    shape: dimsOf(proto),
    read: () => (external ? externalTensor(proto, source.folder) : decodeTensor(proto)),
  };
}

function portOf(info: onnx.IValueInfoProto): Port {
  const type = info.type?.tensorType;
  const dims = type?.shape?.dim;
  return {
    name: info.name ?? "",
    dtype: portDtype(type?.elemType ?? undefined),
    shape: dims ? dims.map(dimensionOf) : null,
  };
}

function portDtype(code: number | undefined): Dtype {
  return (code === undefined ? undefined : dtypeOfCode(code)) ?? "float32";
}

function dimensionOf(dim: onnx.TensorShapeProto.IDimension): Dimension {
  if (dim.dimParam) return dim.dimParam;
  return dim.dimValue === null || dim.dimValue === undefined ? null : Number(dim.dimValue);
}

function attrOf(a: onnx.IAttributeProto, source: Source): OnnxAttr {
  const { AttributeType } = messages.AttributeProto;
  const text = new TextDecoder();
  if (a.refAttrName) return { kind: "reference", value: a.refAttrName };
  switch (a.type) {
    case AttributeType.INT:
      return { kind: "int", value: Number(a.i ?? 0) };
    case AttributeType.FLOAT:
      return { kind: "float", value: Number(a.f ?? 0) };
    case AttributeType.STRING:
      return { kind: "string", value: text.decode(a.s ?? new Uint8Array()) };
    case AttributeType.INTS:
      return { kind: "ints", value: (a.ints ?? []).map(Number) };
    case AttributeType.FLOATS:
      return { kind: "floats", value: (a.floats ?? []).map(Number) };
    case AttributeType.STRINGS:
      return { kind: "strings", value: (a.strings ?? []).map((s) => text.decode(s)) };
    case AttributeType.TENSOR:
      return a.t && isNumeric(a.t) ? { kind: "tensor", value: decodeTensor(a.t) } : { kind: "other" };
    case AttributeType.GRAPH:
      return a.g ? { kind: "graph", value: decodeGraph(a.g, source) } : { kind: "other" };
    default:
      return { kind: "other" };
  }
}

function isNumeric({ dataType }: onnx.ITensorProto): boolean {
  const dtype = dtypeOfCode(dataType ?? 0);
  return dtype !== undefined && dtype !== "string";
}
