/**
 * A pruned model in two files: its graph, and what is left of the weights that are mostly zeros in safetensors beside it.
 *
 * The graph decodes them by operators that the runtime folds as it loads the model: any runtime takes it, as long as the two
 * files lie together. Decoded it is the model that it was to the last bit: smaller on disk, and no faster.
 */
import { open, readFile, stat, writeFile } from "node:fs/promises";
import { basename, dirname, resolve } from "node:path";
import {
  editModel,
  MismatchError,
  type NewNode,
  type NewTensor,
  type OnnxModel,
  readModelFile,
  readTensors,
  type SparseTensor,
  type Tensor,
  UsageError,
  writeSafetensors,
} from "@hessonite/core";
import { z } from "zod";
import { nameSource } from "../structured/shrink/names.ts";
import { keyOf } from "../structured/shrink/shrink.ts";
import { type PackedTensor, packTensor, unpackTensor } from "./bitmap.ts";
import { decoderOf, decoderOpset, sharedTensors } from "./decoder.ts";

export interface CompactSizes {
  /** Bytes of the model as it was. */
  readonly before: number;
  readonly after: number;
  /** Tensors that were packed. */
  readonly packed: readonly string[];
}

export interface CompactPaths {
  /** .onnx */
  readonly graphPath: string;
  /** .safetensors, in the same folder. */
  readonly weightsPath: string;
}

/**
 * @throws {UsageError} if no tensor has enough zeros to gain by it, the model's operators are older than the decoder's, or the
 *   two files are not to lie together.
 */
export async function writeCompact(source: string | Uint8Array, paths: CompactPaths): Promise<CompactSizes> {
  const { graphPath, weightsPath } = paths;
  requireOneFolder(paths);
  const { bytes, model } = await readModelFile(source);
  requireOperators(model);
  const packed = packedTensors(model);
  if (packed.length === 0) throw nothingToGain();
  const { fresh } = nameSource(model);
  const parts = packed.map(({ name, tensor, own }) => ({
    name,
    tensor,
    own,
    stored: { bitmap: fresh(`${name}.bitmap`), values: fresh(`${name}.values`) },
  }));
  const shared = {
    powers: fresh("decoder_powers"),
    two: fresh("decoder_two"),
    asColumn: fresh("decoder_as_column"),
    asVector: fresh("decoder_as_vector"),
  };
  const tensors = new Map<string, Tensor>();
  const initializers = new Map<string, NewTensor | null>(sharedTensors(shared));
  const nodes: NewNode[] = [];
  const records: Record<string, string> = {};
  for (const { name, tensor, own, stored } of parts) {
    const { dtype, shape } = tensor;
    tensors.set(stored.bitmap, { dtype: "uint8", shape: [own.bitmap.length], data: own.bitmap });
    tensors.set(stored.values, { dtype, shape: [own.values.length], data: own.values });
    const usual = { dtype, shape: [], data: own.values.slice(0, 1).fill(own.usual) };
    const decoder = decoderOf({ name, shape, usual }, stored, shared, fresh);
    nodes.push(...decoder.nodes);
    initializers.set(name, null);
    for (const [key, value] of decoder.tensors) initializers.set(key, value);
    const made = [...decoder.tensors.keys(), ...Object.values(shared)];
    const record: PackedRecord = {
      shape: [...shape],
      usual: own.usual,
      ...stored,
      nodes: outputsOf(decoder.nodes),
      made,
    };
    records[name] = JSON.stringify(record);
  }
  await writeSafetensors(weightsPath, tensors, { metadata: records });
  for (const [name, where] of await placesIn(weightsPath))
    initializers.set(name, { ...where, shape: tensors.get(name)!.shape, location: basename(weightsPath) });
  const edit = new Map([[keyOf(model.nodes[0]!), { before: nodes }]]);
  await writeFile(graphPath, editModel(bytes, { initializers, nodes: edit }));
  const after = (await stat(graphPath)).size + (await stat(weightsPath)).size;
  return { before: bytes.length, after, packed: parts.map(({ name }) => name) };
}

const packedRecord = z.object({
  shape: z.array(z.int()),
  usual: z.number(),
  bitmap: z.string(),
  values: z.string(),
  nodes: z.array(z.string()).describe("outputs of the decoder's nodes"),
  made: z.array(z.string()).describe("the decoder's constants"),
});
type PackedRecord = z.output<typeof packedRecord>;

const outputsOf = (nodes: readonly NewNode[]): string[] => nodes.flatMap(({ outputs }) => [...outputs]);

/** The model's bytes again, in one file without decoders. */
export async function readCompact(graphPath: string, weightsPath: string): Promise<Uint8Array> {
  const { tensors, metadata = {} } = await readTensors(weightsPath);
  const initializers = new Map<string, NewTensor | null>();
  const nodes = new Map<string, null>();
  for (const [name, text] of Object.entries(metadata)) {
    const { shape, usual, ...record } = packedRecord.parse(JSON.parse(text));
    const [bitmap, values] = [await tensors.get(record.bitmap)?.read(), await tensors.get(record.values)?.read()];
    if (!bitmap || !values) {
      throw new MismatchError("Cannot unpack a model as its weights' file lacks a tensor", {
        at: weightsPath,
        expected: `${record.bitmap} and ${record.values}`,
        found: [...tensors.keys()].join(", "),
      });
    }
    for (const made of [...record.made, record.bitmap, record.values]) initializers.set(made, null);
    for (const output of record.nodes) nodes.set(output, null);
    const packed: PackedTensor = { bitmap: Uint8Array.from(bitmap.data), values: values.data, usual };
    initializers.set(name, unpackTensor({ dtype: values.dtype, shape }, packed));
  }
  return editModel(await readFile(graphPath), { initializers, nodes });
}

/** ONNX's numbers of the element types that are packed. */
const codes: Readonly<Record<string, number>> = { float32: 1, uint8: 2, int8: 3 };
const codeOf: Readonly<Record<string, number>> = { F32: codes["float32"]!, U8: codes["uint8"]!, I8: codes["int8"]! };

/** Where each array of a safetensors file lies. */
async function placesIn(path: string): Promise<Map<string, { code: number; offset: number; length: number }>> {
  const file = await open(path);
  try {
    const start = Buffer.alloc(8);
    await file.read(start, 0, 8, 0);
    const length = Number(start.readBigUInt64LE());
    const text = Buffer.alloc(length);
    await file.read(text, 0, length, 8);
    const { __metadata__: _, ...arrays } = JSON.parse(text.toString()) as Record<
      string,
      { dtype: string; data_offsets: [number, number] }
    >;
    return new Map(
      Object.entries(arrays).map(
        ([
          name,
          {
            dtype,
            data_offsets: [begin, end],
          },
        ]) => [name, { code: codeOf[dtype]!, offset: 8 + length + begin, length: end - begin }],
      ),
    );
  } finally {
    await file.close();
  }
}

interface Packed {
  readonly name: string;
  readonly tensor: Tensor;
  readonly own: PackedTensor;
}

/** What a decoder's operators and constants take, about. */
export const decoderBytes = 1800;

/** The matrices and kernels that become smaller. */
function packedTensors(model: OnnxModel): Packed[] {
  return [...model.initializers].flatMap(([name, { dtype, shape, read }]) => {
    if (codes[dtype] === undefined || shape.length < 2) return [];
    const tensor = read();
    const own = packTensor(tensor, dtype === "float32" ? 0 : mostCommon(tensor));
    const width = dtype === "float32" ? 4 : 1;
    const bytes = own.bitmap.length + width * own.values.length + decoderBytes;
    return own.values.length > 0 && bytes < width * tensor.data.length ? [{ name, tensor, own }] : [];
  });
}

/** Two levels of 4 bits that stand for 0 are a byte that is not 0. */
function mostCommon({ data }: Tensor): number {
  const counts = new Map<number, number>();
  for (const value of data) counts.set(value, (counts.get(value) ?? 0) + 1);
  return [...counts].reduce((best, one) => (one[1] > best[1] ? one : best))[0];
}

function requireOneFolder({ graphPath, weightsPath }: CompactPaths): void {
  if (dirname(resolve(graphPath)) === dirname(resolve(weightsPath)) && graphPath !== weightsPath) return;
  throw new UsageError("Cannot write a compact model as its two files are not to lie in one folder", {
    found: `${graphPath} and ${weightsPath}`,
  });
}

function requireOperators({ opsets, source }: OnnxModel): void {
  const found = opsets.get("") ?? 1;
  if (found >= decoderOpset) return;
  throw new UsageError("Cannot write a compact model as its operators are older than those that decode it", {
    at: source,
    expected: `opset ${decoderOpset} or later`,
    found,
    try: "convert the model to a later opset",
  });
}

/**
 * The model with its sparse weights as ONNX's `sparse_initializer`: one file, which ONNX Runtime makes dense as it loads.
 * An index takes eight bytes, so this pays from two thirds of zeros.
 *
 * @throws {UsageError} if no tensor has enough zeros to gain by it.
 */
export async function withSparseInitializers(
  source: string | Uint8Array,
): Promise<{ readonly file: Uint8Array } & CompactSizes> {
  const { bytes } = await readModelFile(source);
  const sparse = await sparseTensors(bytes, (_, nonZeros) => 12 * nonZeros);
  if (sparse.size === 0) throw nothingToGain();
  const initializers = new Map([...sparse].map(([name, tensor]) => [name, sparseOf(tensor)] as const));
  const file = editModel(bytes, { initializers, irVersion: 6 });
  return { file, before: bytes.length, after: file.length, packed: [...sparse.keys()] };
}

function sparseOf({ shape, data }: Tensor): SparseTensor {
  const indices: number[] = [];
  data.forEach((value: number, i: number) => {
    if (value !== 0) indices.push(i);
  });
  const values = Float32Array.from(indices, (i) => data[i]!);
  return { shape, indices, values: { dtype: "float32", shape: [indices.length], data: values } };
}

/** The float32 tensors that a form makes smaller. */
async function sparseTensors(
  file: Uint8Array,
  bytesFor: (count: number, nonZeros: number) => number,
): Promise<Map<string, Tensor>> {
  const { model } = await readModelFile(file);
  const found = new Map<string, Tensor>();
  for (const [name, { dtype, shape, read }] of model.initializers) {
    if (dtype !== "float32" || shape.length < 2) continue;
    const tensor = read();
    const nonZeros = Array.from(tensor.data).filter((value) => value !== 0).length;
    if (nonZeros > 0 && bytesFor(tensor.data.length, nonZeros) < 4 * tensor.data.length) found.set(name, tensor);
  }
  return found;
}

function nothingToGain(): UsageError {
  return new UsageError("Cannot make the model's file smaller as no weight has enough zeros", {
    try: "prune it by elements or n:m first",
  });
}
