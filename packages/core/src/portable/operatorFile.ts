/**
 * An operator in a file of arrays that NumPy and SciPy read: the dense matrix, or the factors of its blocks.
 *
 *     dense        matrix [m, n]; structure [4]: whether it is known to be self-adjoint, positive semidefinite, of
 *                  orthonormal columns, selecting entries
 *     Kronecker    size [1]; of block b: b.index [entries], b.g [out, out], b.a [in, in] or its diagonal [in], or none
 *     eigenbasis   size [1]; of block b: b.index, b.qg [out, out], b.qa [in, in] or none, b.values [out, in]
 *
 * A block's entries v[index], row by row as M [out, in], go to G M A, and to Q_G (λ ∘ (Q_Gᵀ M Q_A)) Q_Aᵀ. In Python, for
 * `scipy.sparse.linalg.LinearOperator((n, n), matvec=...)`:
 *
 *     out[index] = (g @ v[index].reshape(len(g), -1) @ a).ravel()
 */
import { writeFile } from "node:fs/promises";
import { writeNpz } from "../data/npz.ts";
import { readTensors } from "../data/readTensors.ts";
import { writeSafetensors } from "../data/safetensors.ts";
import type { TensorFile } from "../data/tensorFile.ts";
import { evaluateOp } from "../engine/reference/kernels.ts";
import { UsageError } from "../errors.ts";
import { GraphBuilder, graphOf } from "../ir/builder.ts";
import type { Tensor } from "../ir/tensor.ts";
import { type Matrix, matrix, symmetrize } from "../linalg/matrix.ts";
import { encodeModel } from "../onnx/encode.ts";
import { toDense } from "../operators/dense.ts";
import { denseOperator } from "../operators/denseOperator.ts";
import { type EigenBlock, ekfacOf } from "../operators/ekfac.ts";
import { eigenAction, type Factor, kroneckerAction } from "../operators/factors/action.ts";
import { blockGraph } from "../operators/factors/blockGraph.ts";
import type { BlockShape } from "../operators/factors/blocks.ts";
import { type BlockwiseOperator, blockwise, type PlacedAction } from "../operators/factors/blockwise.ts";
import type { KroneckerBlock } from "../operators/factors/kroneckerFactors.ts";
import { kroneckerBlocks } from "../operators/kfac.ts";
import type { LinearOperator, Structure } from "../operators/linearOperator.ts";

/** Rows up to which an operator without structure is written as a matrix. */
const mostRows = 8192;

/**
 * Writes an operator to `path`, .npz or .safetensors.
 *
 * @throws {UsageError} if the operator has no blocks and is too large to be written entry by entry.
 */
export async function writeOperator(path: string, a: LinearOperator): Promise<void> {
  const arrays = isBlockwise(a) ? blockArrays(a) : await denseArrays(a);
  await (path.endsWith(".safetensors") ? writeSafetensors(path, arrays) : writeNpz(path, arrays));
}

/**
 * The operator of a file that `writeOperator` wrote.
 *
 * @throws {UsageError} if the file holds none.
 */
export async function readOperator(path: string): Promise<LinearOperator> {
  const file = await readTensors(path);
  const whole = await file.tensors.get("matrix")?.read();
  if (whole) {
    const read = denseOperator(matrix(whole.shape[0]!, whole.shape[1]!, Float64Array.from(whole.data)));
    return withStructure(read, await file.tensors.get("structure")?.read());
  }
  const size = (await file.tensors.get("size")?.read())?.data[0];
  if (size === undefined) {
    throw new UsageError("Cannot read an operator as the file holds none", {
      at: path,
      expected: 'an array "matrix", or "size" and blocks',
      found: [...file.tensors.keys()].slice(0, 8).join(", "),
    });
  }
  return blocksOf(file, size);
}

/**
 * Writes a blockwise operator (KFAC, EKFAC, their inverses) as an ONNX model: input `v` float32 `[P]`, output `product` `[P]`.
 *
 * @throws {UsageError} if the operator has no blocks.
 */
export async function writeOperatorModel(path: string, a: LinearOperator): Promise<void> {
  if (!isBlockwise(a) || a.rest !== 0) {
    throw new UsageError(`Cannot write ${a.name} as a model as it is not made of blocks alone`, {
      try: "KFAC, EKFAC or KFOC; writeProductFile for exact products; writeOperator for arrays",
    });
  }
  const g = new GraphBuilder(evaluateOp);
  const { v, product } = blockGraph(g, a.shape[0], a.placed, "float32");
  const names = { inputNames: ["v"], outputNames: ["product"] };
  const metadata = { "hessonite.operator": a.name };
  await writeFile(path, encodeModel(g, graphOf([v], [product]), { ...names, metadata }).bytes);
}

const isBlockwise = (a: LinearOperator): a is BlockwiseOperator => "placed" in a;

async function denseArrays(a: LinearOperator): Promise<Map<string, Tensor>> {
  const [rows, columns] = a.shape;
  if (rows > mostRows || columns > mostRows) {
    throw new UsageError(`Cannot write ${a.name} entry by entry as it is too large`, {
      found: `${rows} × ${columns}`,
      expected: `${mostRows} rows and columns or fewer`,
      try: "an operator with blocks (kfac, ekfac), or a part by submatrix()",
    });
  }
  const entries = matrix(rows, columns, await toDense(a));
  const { data } = a.structure.selfAdjoint ? symmetrize(entries) : entries;
  const known = tags.map((tag) => Number(a.structure[tag] ?? false));
  return new Map<string, Tensor>([
    ["matrix", { dtype: "float64", shape: [rows, columns], data }],
    ["structure", { dtype: "int32", shape: [known.length], data: Int32Array.from(known) }],
  ]);
}

const tags = [
  "selfAdjoint",
  "positiveSemidefinite",
  "orthonormalColumns",
  "selects",
] as const satisfies (keyof Structure)[];

/** What was known of the matrix that was written is known of the one that is read. */
function withStructure(read: LinearOperator, known: Tensor | undefined): LinearOperator {
  if (!known) return read;
  const given = tags.filter((_, at) => known.data[at] === 1).map((tag) => [tag, true] as const);
  const structure: Structure = { ...read.structure, ...Object.fromEntries(given) };
  const self: LinearOperator = { ...read, structure, adjoint: () => (structure.selfAdjoint ? self : read.adjoint()) };
  return self;
}

function blockArrays({ shape: [size], placed, rest }: BlockwiseOperator): Map<string, Tensor> {
  const arrays = new Map<string, Tensor>([["size", { dtype: "float64", shape: [1], data: Float64Array.of(size) }]]);
  if (rest !== 0) arrays.set("rest", { dtype: "float64", shape: [1], data: Float64Array.of(rest) });
  placed.forEach(({ shape: { index }, action }, b) => {
    arrays.set(`${b}.index`, { dtype: "int32", shape: [index.length], data: index });
    for (const [name, factor] of Object.entries(action.factors)) arrays.set(`${b}.${name}`, tensorOf(factor));
  });
  return arrays;
}

function tensorOf(factor: Factor): Tensor {
  if (factor instanceof Float64Array) return { dtype: "float64", shape: [factor.length], data: factor };
  return { dtype: "float64", shape: [factor.rows, factor.columns], data: factor.data };
}

/** What is read of one block. */
interface Read {
  readonly index: Int32Array;
  readonly factors: Readonly<Record<string, Factor>>;
}

async function blocksOf(file: TensorFile, size: number): Promise<LinearOperator> {
  const rest = (await file.tensors.get("rest")?.read())?.data[0] ?? 0;
  const blocks: Read[] = [];
  while (file.tensors.has(`${blocks.length}.index`)) blocks.push(await readBlock(file, blocks.length));
  const shapes = blocks.map(shapeOf);
  const [eigen, plain] = [
    blocks.every(({ factors }) => factors["values"]),
    blocks.every(({ factors }) => factors["g"]),
  ];
  if (rest === 0 && plain)
    return kroneckerBlocks(
      blocks.map(({ factors }, i) => kroneckerBlock(shapes[i]!, factors)),
      size,
    );
  if (rest === 0 && eigen)
    return ekfacOf(
      blocks.map(({ factors }, i) => eigenBlock(shapes[i]!, factors)),
      size,
    );
  const placed = blocks.map(({ factors }, i): PlacedAction => {
    const shape = shapes[i]!;
    if (factors["g"]) return { shape, action: kroneckerAction(factors["g"] as Matrix, factors["a"]) };
    const { basis, values } = eigenBlock(shape, factors);
    return { shape, action: eigenAction(basis, values) };
  });
  return blockwise("blocks of a file", size, placed, {}, { rest });
}

async function readBlock({ name, tensors }: TensorFile, b: number): Promise<Read> {
  const parts = [...tensors.keys()].filter((key) => key.startsWith(`${b}.`)).map((key) => key.slice(`${b}.`.length));
  const read = async (part: string): Promise<Tensor> => tensors.get(`${b}.${part}`)!.read();
  const index = Int32Array.from((await read("index")).data);
  const names = parts.filter((part) => part !== "index");
  const factors = await Promise.all(names.map(async (part) => [part, factorOf(await read(part))] as const));
  if (factors.length > 0) return { index, factors: Object.fromEntries(factors) };
  throw new UsageError("Cannot read an operator as a block has no factors", { at: `${name}, block ${b}` });
}

function factorOf({ shape, data }: Tensor): Factor {
  const [rows, columns] = shape as [number, number?];
  return columns === undefined ? Float64Array.from(data) : matrix(rows, columns, Float64Array.from(data));
}

/** The shape of a block that says no more of itself than its entries. */
function shapeOf({ index, factors }: Read, layer: number): BlockShape {
  const out = ((factors["g"] ?? factors["qg"]) as Matrix).rows;
  const side = factors["a"] ?? factors["qa"];
  const kind = side instanceof Float64Array ? "table" : index.length === out ? "vector" : "matrix";
  return { name: `block ${layer}`, layer, kind, group: null, out, in: index.length / out, joint: false, index };
}

function kroneckerBlock(shape: BlockShape, { g, a }: Readonly<Record<string, Factor>>): KroneckerBlock {
  return { ...shape, g: g as Matrix, ...(a && { a }) };
}

function eigenBlock(shape: BlockShape, { qg, qa, values }: Readonly<Record<string, Factor>>): EigenBlock {
  return { ...shape, basis: { qg: qg as Matrix, ...(qa && { qa: qa as Matrix }) }, values: values as Matrix };
}
