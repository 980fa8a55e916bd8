/**
 * A model's file with another graph: tensors of other shapes, nodes changed, added and taken away.
 *
 * The file is walked as protobuf wire format. A message that nothing changes is copied byte for byte, one that changes
 * keeps the fields that onnx-proto does not know; order, names, metadata and opsets stay. Tensors that lie in files beside
 * the model stay there, as their messages do.
 *
 * Source: onnx.proto3 for the field numbers.
 */
import { UsageError } from "../../errors.ts";
import { fieldsOf, joined, lengthDelimited, messageOf, textOf, type WireField } from "../fieldRanges.ts";
import { messages } from "../proto.ts";
import type { ModelEdit, NewNode, NewTensor } from "./edit.ts";
import { changed } from "./message.ts";
import { editedNode, nodeBytes } from "./nodes.ts";
import { isSparse, sparseBytes, tensorMessage } from "./tensors.ts";

/** Field numbers. */
const model = { irVersion: 1, graph: 7, opset: 8, metadata: 14 } as const;
const graph = { node: 1, initializer: 5, input: 11, output: 12, valueInfo: 13, sparse: 15 } as const;
const names = { nodeOutput: 2, tensor: 8, valueInfo: 1, sparseValues: 1 } as const;
/** Those that onnx-proto knows. */
const knownNode: ReadonlySet<number> = new Set([1, 2, 3, 4, 5, 6, 7]);
const knownValueInfo: ReadonlySet<number> = new Set([1, 2, 3]);

/**
 * @param file A model's bytes.
 * @throws {UsageError} if the edit names a node that the file does not have.
 *
 * @example
 * ```ts no-run
 * const { bytes } = await readModelFile("a.onnx");
 * const smaller = editModel(bytes, { initializers: new Map([["fc.weight", weight]]) });
 * ```
 */
export function editModel(file: Uint8Array, edit: ModelEdit): Uint8Array {
  const rest = new Set(edit.nodes?.keys() ?? []);
  const outer = [...fieldsOf(file)];
  const last = outer.findLast(({ number }) => number === model.graph);
  const parts = outer.flatMap((field): Uint8Array[] => {
    if (field.number === model.graph)
      return [lengthDelimited(model.graph, graphParts(file, field, edit, rest, field === last))];
    if (field.number === model.metadata && keyOf(file, field) in (edit.metadata ?? {})) return [];
    if (field.number === model.opset) return [opsetOf(file, field, edit)];
    if (field.number === model.irVersion) return [versionOf(file, field, edit)];
    return [file.subarray(field.at, field.end)];
  });
  const [missing] = rest;
  if (missing !== undefined) {
    throw new UsageError("Cannot change a node as the model's file has none with that output", {
      at: `value "${missing}"`,
    });
  }
  const props = Object.entries(edit.metadata ?? {}).map(([key, value]) => messageOf(model.metadata, [key, value]));
  return joined([...parts, ...addedOpsets(file, outer, edit), ...props]);
}

/** The fields of the graph; new tensors come last. */
function graphParts(
  file: Uint8Array,
  outer: WireField,
  edit: ModelEdit,
  rest: Set<string>,
  last: boolean,
): Uint8Array[] {
  const tensors = edit.initializers ?? new Map<string, NewTensor | null>();
  const stored = new Set<string>();
  const parts = [...fieldsOf(file, outer)].flatMap((field): Uint8Array[] => {
    const same = [file.subarray(field.at, field.end)];
    switch (field.number) {
      case graph.node:
        return nodeParts(file, field, edit, rest) ?? same;
      case graph.initializer: {
        const name = nameIn(file, field, names.tensor);
        if (!tensors.has(name)) return same;
        stored.add(name);
        return tensorParts(name, tensors.get(name)!);
      }
      case graph.input: // older models list their initializers among the inputs, with the shapes that they had
        return tensors.has(nameIn(file, field, names.valueInfo)) ? [] : same;
      case graph.valueInfo:
        return valueInfoParts(file, field, edit) ?? same;
      default:
        return same;
    }
  });
  if (!last) return parts;
  const added = [...tensors].filter(([name]) => !stored.has(name) && !storedBefore(file, outer, name));
  // A runtime infers the type of an output that says none.
  const outputs = (edit.outputs ?? []).map((name) =>
    lengthDelimited(graph.output, lengthDelimited(names.valueInfo, new TextEncoder().encode(name))),
  );
  return [...parts, ...added.flatMap(([name, tensor]) => tensorParts(name, tensor)), ...outputs];
}

/** True for an initializer in another part of a graph that the file has in parts. */
function storedBefore(file: Uint8Array, part: WireField, name: string): boolean {
  return [...fieldsOf(file)]
    .filter((field) => field.number === model.graph && field.at !== part.at)
    .some((field) =>
      [...fieldsOf(file, field)].some((f) => f.number === graph.initializer && nameIn(file, f, names.tensor) === name),
    );
}

function tensorParts(name: string, tensor: NewTensor | null): Uint8Array[] {
  if (tensor === null) return [];
  if (isSparse(tensor)) return [lengthDelimited(graph.sparse, sparseBytes(name, tensor))];
  return [lengthDelimited(graph.initializer, messages.TensorProto.encode(tensorMessage(name, tensor)).finish())];
}

/** Undefined for a node that stays as it is. */
function nodeParts(file: Uint8Array, field: WireField, edit: ModelEdit, rest: Set<string>): Uint8Array[] | undefined {
  const key = [...fieldsOf(file, field)]
    .filter(({ number }) => number === names.nodeOutput)
    .map((output) => textOf(file, output))
    .find((name) => name !== "");
  const change = key === undefined ? undefined : edit.nodes?.get(key);
  if (change === undefined) return undefined;
  rest.delete(key!);
  if (change === null) return [];
  if (change.replaced) return [...newNodes(change.before), ...newNodes(change.after)];
  const whole = changed(file, field, messages.NodeProto, knownNode, (node) => editedNode(node, change));
  return [...newNodes(change.before), lengthDelimited(graph.node, whole), ...newNodes(change.after)];
}

function newNodes(nodes: readonly NewNode[] = []): Uint8Array[] {
  return nodes.map((node) => lengthDelimited(graph.node, nodeBytes(node)));
}

/** A statement of a shape, with the new one. */
function valueInfoParts(file: Uint8Array, field: WireField, { shapes }: ModelEdit): Uint8Array[] | undefined {
  const shape = shapes?.get(nameIn(file, field, names.valueInfo));
  if (shape === undefined) return undefined;
  if (shape === null) return [];
  const whole = changed(file, field, messages.ValueInfoProto, knownValueInfo, (info) => {
    const dims = info.type?.tensorType?.shape?.dim ?? [];
    if (dims.length === shape.length) {
      dims.forEach((dim, axis) => {
        if (!dim.dimParam) dim.dimValue = shape[axis]!;
      });
    }
    return info;
  });
  return [lengthDelimited(graph.valueInfo, whole)];
}

function nameIn(file: Uint8Array, field: WireField, number: number): string {
  return textOf(
    file,
    [...fieldsOf(file, field)].find((f) => f.number === number),
  );
}

function keyOf(file: Uint8Array, field: WireField): string {
  return nameIn(file, field, 1);
}

/** OperatorSetIdProto: domain 1, version 2. "ai.onnx" is another name of the default domain. */
function opsetDomain(file: Uint8Array, field: WireField): string {
  const domain = nameIn(file, field, 1);
  return domain === "ai.onnx" ? "" : domain;
}

function opsetOf(file: Uint8Array, field: WireField, { opsets = {} }: ModelEdit): Uint8Array {
  const same = file.subarray(field.at, field.end);
  const wanted = opsets[opsetDomain(file, field)];
  const version = [...fieldsOf(file, field)].find(({ number }) => number === 2)?.integers(file)[0] ?? 1;
  return wanted === undefined || version >= wanted ? same : opsetBytes(nameIn(file, field, 1), wanted);
}

function addedOpsets(file: Uint8Array, outer: readonly WireField[], { opsets = {} }: ModelEdit): Uint8Array[] {
  const known = new Set(outer.filter(({ number }) => number === model.opset).map((field) => opsetDomain(file, field)));
  return Object.entries(opsets).flatMap(([domain, version]) =>
    known.has(domain) ? [] : [opsetBytes(domain, version)],
  );
}

function opsetBytes(domain: string, version: number): Uint8Array {
  return lengthDelimited(model.opset, messages.OperatorSetIdProto.encode({ domain, version }).finish());
}

function versionOf(file: Uint8Array, field: WireField, { irVersion = 0 }: ModelEdit): Uint8Array {
  const same = file.subarray(field.at, field.end);
  const found = field.integers(file)[0] ?? 0;
  return found >= irVersion ? same : messages.ModelProto.encode(messages.ModelProto.fromObject({ irVersion })).finish();
}
