/**
 * A model's file with other weights and nothing else changed: bytes of initializers are overwritten where they lie.
 *
 * The file is walked as protobuf wire format (field by field, nothing is decoded that is not needed), so that names, metadata,
 * opsets, unknown fields and their order stay. 16-bit floats are rounded to the nearest. A message is written anew only where
 * its length changes: the graph's, when parameters that were stored together come apart. Metadata that is added is appended
 * at the end of the file, where a protobuf reader takes it as well.
 *
 * Source: Protocol Buffers, Encoding; onnx.proto3 for the field numbers.
 */
import { UsageError } from "../errors.ts";
import type { Tensor } from "../ir/tensor.ts";
import { fieldsOf, joined, lengthDelimited, messageOf, textOf, type WireField } from "./fieldRanges.ts";
import type { Split } from "./identity/storedValues.ts";
import { type ExternalPatch, externalEntries, patchTensor, tensorFields, tensorLike } from "./patchTensor.ts";
import { splitNodes } from "./splitNodes.ts";

export interface PatchOptions {
  /** Key–value pairs added to the model's metadata. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** Parameters that get a tensor of their own: see `storedValues`. */
  readonly splits?: readonly Split[];
}

export interface PatchedModel {
  readonly bytes: Uint8Array;
  /** What is to be written into files beside the model, by their location. */
  readonly external: readonly ExternalPatch[];
}

/** Field numbers of ModelProto and GraphProto. */
const model = { graph: 7, metadata: 14 } as const;
const graph = { node: 1, initializer: 5 } as const;

/** A tensor of the file. */
interface StoredTensor {
  readonly field: WireField;
  readonly proto: readonly WireField[];
}

/**
 * @param bytes A model's file.
 * @param values New values by the names that the file has; the shapes are those of the file.
 * @throws {UsageError} if the file has no initializer of a name, or of another size.
 * @throws {UnsupportedModelError} if an initializer holds no floats, or a split one is used where it cannot be told apart.
 *
 * @example
 * ```ts no-run
 * const { bytes } = patchModel(await readFile("a.onnx"), new Map([["fc.weight", weight]]));
 * ```
 */
export function patchModel(
  bytes: Uint8Array,
  values: ReadonlyMap<string, Tensor>,
  { metadata = {}, splits = [] }: PatchOptions = {},
): PatchedModel {
  const patched = new Uint8Array(bytes);
  const stored = storedTensors(patched);
  for (const name of [...values.keys(), ...splits.map(({ of }) => of)]) if (!stored.has(name)) throw notStored(name);
  const external: ExternalPatch[] = [];
  const replaced = new Map<number, readonly Uint8Array[]>();
  for (const [name, value] of values) {
    const { field, proto } = stored.get(name)!;
    const patch = patchTensor(patched, proto, value);
    if (patch.external) external.push(patch.external);
    if (patch.message) replaced.set(field.at, [lengthDelimited(graph.initializer, patch.message)]);
  }
  const added = splits.map(({ name, of, value }) =>
    lengthDelimited(graph.initializer, tensorLike(patched, stored.get(of)!.proto, name, value)),
  );
  const whole = replaced.size + added.length === 0 ? patched : withGraph(patched, splits, replaced, added);
  const props = Object.entries(metadata).map(([key, text]) => messageOf(model.metadata, [key, text]));
  return { bytes: props.length === 0 ? whole : joined([whole, ...props]), external };
}

/** Initializers of the file by name. */
function storedTensors(file: Uint8Array): Map<string, StoredTensor> {
  const found = new Map<string, StoredTensor>();
  for (const outer of fieldsOf(file)) {
    if (outer.number !== model.graph) continue;
    for (const field of fieldsOf(file, outer)) {
      if (field.number !== graph.initializer) continue;
      const proto = [...fieldsOf(file, field)];
      const name = proto.find((f) => f.number === tensorFields.name);
      found.set(textOf(file, name), { field, proto });
    }
  }
  return found;
}

/** The files beside the model that its tensors lie in. */
export function externalLocations(file: Uint8Array): string[] {
  const locations = [...storedTensors(file).values()].flatMap(
    ({ proto }) => externalEntries(file, proto).get("location") ?? [],
  );
  return [...new Set(locations)];
}

/** The file with some fields of its graph replaced, nodes told apart, and initializers added at the graph's end. */
function withGraph(
  file: Uint8Array,
  splits: readonly Split[],
  replaced: ReadonlyMap<number, readonly Uint8Array[]>,
  added: readonly Uint8Array[],
): Uint8Array {
  const fields = [...fieldsOf(file)];
  const last = fields.findLast(({ number }) => number === model.graph);
  const nodes = splitNodes(
    file,
    fields
      .filter(({ number }) => number === model.graph)
      .flatMap((outer) => [...fieldsOf(file, outer)].filter(({ number }) => number === graph.node)),
    splits,
  );
  const whole = fields.flatMap((outer) => {
    if (outer.number !== model.graph) return [file.subarray(outer.at, outer.end)];
    const inner = [...fieldsOf(file, outer)].flatMap(
      ({ at, end }) => replaced.get(at) ?? nodes.get(at) ?? [file.subarray(at, end)],
    );
    return [lengthDelimited(model.graph, outer === last ? [...inner, ...added] : inner)];
  });
  return joined(whole);
}

function notStored(name: string): UsageError {
  return new UsageError("Cannot write weights as the model's file stores no initializer of that name", {
    at: `initializer "${name}"`,
  });
}
