/**
 * One ONNX file for any number of rows, from files that are each for a fixed one.
 *
 * Graphs here have static shapes. The file is written at three numbers of rows; where the three are the same but for
 * constants that follow the rows, these constants are computed at run time from the shape of the first input:
 *
 *     integers (shapes, bounds) that are a + b · rows          Add(Mul(rows, b), a)
 *     tensors that repeat a block along one axis               Reshape(Tile(block, rows times))
 *     integers that count on from row to row                   Add(Range(rows) · step, block)
 *
 * Two sizes determine a and b, the third must agree. Anything else is left undecided: the caller keeps a fixed batch.
 */
import type { onnx } from "onnx-proto";
import { sizeOf } from "../ir/shape.ts";
import type { Tensor } from "../ir/tensor.ts";
import { messages } from "./proto.ts";
import { decodeTensor, encodeTensor } from "./tensorProto.ts";

/** Primes, so that a length that is the rows' by chance is the others' at most once. */
const sizes = [
  [7, 11, 13],
  [17, 19, 23],
  [29, 31, 37],
] as const;

/** The name of the symbolic length. */
const batch = "batch";
/** The value that holds it at run time, `[1]`. */
const rowsName = "hessonite_rows";

type Three<T> = readonly [T, T, T];

/**
 * @param encode The file for a number of rows.
 * @returns The file for any number, or undefined if that cannot be shown to be the same.
 */
export function encodeForAnyBatch(encode: (rows: number) => Uint8Array): Uint8Array | undefined {
  for (const rows of sizes) {
    const models = rows.map((n) => messages.ModelProto.decode(encode(n))) as unknown as Three<onnx.IModelProto>;
    const merged = mergedGraph(models.map((model) => model.graph!) as unknown as Three<onnx.IGraphProto>, rows);
    if (merged) return messages.ModelProto.encode({ ...models[0], graph: merged }).finish();
  }
  return undefined;
}

function mergedGraph(graphs: Three<onnx.IGraphProto>, rows: Three<number>): onnx.IGraphProto | undefined {
  const [first] = graphs;
  if (!graphs.every((graph) => sameNodes(first.node ?? [], graph.node ?? []))) return undefined;
  const stored = (graph: onnx.IGraphProto): readonly onnx.ITensorProto[] => graph.initializer ?? [];
  const names = stored(first).map(({ name }) => name);
  if (
    !graphs.every((graph) =>
      same(
        names,
        stored(graph).map(({ name }) => name),
      ),
    )
  )
    return undefined;
  const prelude: onnx.INodeProto[] = [shapeNode(first.input![0]!.name!)];
  const initializer: onnx.ITensorProto[] = [];
  for (const [i, proto] of stored(first).entries()) {
    const three = graphs.map((graph) => stored(graph)[i]!) as unknown as Three<onnx.ITensorProto>;
    const made = three.every((other) => sameTensor(proto, other))
      ? { nodes: [], constants: [proto] }
      : followRows(three, rows);
    if (!made) return undefined;
    prelude.push(...made.nodes);
    initializer.push(...made.constants);
  }
  const ports = (field: "input" | "output"): onnx.IValueInfoProto[] | undefined =>
    freedPorts(graphs.map((graph) => graph[field] ?? []) as unknown as Three<onnx.IValueInfoProto[]>, rows);
  const [input, output] = [ports("input"), ports("output")];
  if (!input || !output) return undefined;
  return { ...first, node: [...prelude, ...(first.node ?? [])], initializer, input, output };
}

const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);

function sameNodes(a: readonly onnx.INodeProto[], b: readonly onnx.INodeProto[]): boolean {
  return a.length === b.length && a.every((node, i) => sameNode(node, b[i]!));
}

function sameNode(a: onnx.INodeProto, b: onnx.INodeProto): boolean {
  const bytes = (node: onnx.INodeProto): Uint8Array => messages.NodeProto.encode(node).finish();
  return sameBytes(bytes(a), bytes(b));
}

function sameTensor(a: onnx.ITensorProto, b: onnx.ITensorProto): boolean {
  return (
    same((a.dims ?? []).map(Number), (b.dims ?? []).map(Number)) &&
    sameBytes(a.rawData ?? new Uint8Array(), b.rawData ?? new Uint8Array())
  );
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((x, i) => x === b[i]);
}

/** rows = Shape(x)[0:1] */
function shapeNode(input: string): onnx.INodeProto {
  const { INT } = messages.AttributeProto.AttributeType;
  const attribute = [
    { name: "start", type: INT, i: 0 },
    { name: "end", type: INT, i: 1 },
  ];
  return { opType: "Shape", name: rowsName, input: [input], output: [rowsName], attribute };
}

interface Made {
  readonly nodes: readonly onnx.INodeProto[];
  readonly constants: readonly onnx.ITensorProto[];
}

/** A constant that follows the rows, computed under its own name. */
function followRows(three: Three<onnx.ITensorProto>, rows: Three<number>): Made | undefined {
  const [a, b, c] = three.map(decodeTensor) as unknown as Three<Tensor>;
  const name = three[0].name!;
  if (a.dtype === "int64" && same(a.shape, b.shape) && same(a.shape, c.shape)) return affine(name, [a, b, c], rows);
  return repeated(name, [a, b, c], rows) ?? counting(name, [a, b, c], rows);
}

function affine(name: string, [a, b, c]: Three<Tensor>, rows: Three<number>): Made | undefined {
  const slope = Float64Array.from(a.data, (x, i) => (b.data[i]! - x) / (rows[1] - rows[0]));
  const start = slope.map((s, i) => a.data[i]! - s * rows[0]);
  if (!slope.every(Number.isInteger) || !start.every((x, i) => x + slope[i]! * rows[2] === c.data[i])) return undefined;
  if (a.shape.length !== 1) return undefined;
  return multiplied(name, slope, start);
}

/** name = rows · slope + start */
function multiplied(name: string, slope: Float64Array, start: Float64Array): Made {
  const ints = (data: Float64Array): Tensor => ({ dtype: "int64", shape: [data.length], data });
  return {
    nodes: [
      { opType: "Mul", name: `${name}_follow`, input: [rowsName, `${name}_slope`], output: [`${name}_part`] },
      { opType: "Add", name: `${name}_sum`, input: [`${name}_part`, `${name}_start`], output: [name] },
    ],
    constants: [encodeTensor(`${name}_slope`, ints(slope)), encodeTensor(`${name}_start`, ints(start))],
  };
}

/**
 * A tensor whose axis is [outer, rows, inner] and that is the same for every row: a whole block again (outer 1), each entry
 * again (inner 1), or in between.
 */
function repeated(name: string, tensors: Three<Tensor>, rows: Three<number>): Made | undefined {
  const [a, b] = tensors;
  const axis = a.shape.findIndex((d, i) => d !== b.shape[i]);
  if (axis < 0 || tensors.some(({ shape }) => shape.length !== a.shape.length)) return undefined;
  const length = a.shape[axis]! / rows[0];
  const follows = ({ shape }: Tensor, k: number): boolean =>
    shape.every((d, i) => d === (i === axis ? length * rows[k]! : a.shape[i]));
  if (!Number.isInteger(length) || !tensors.every(follows)) return undefined;
  for (let outer = 1; outer <= length; outer++) {
    if (length % outer !== 0) continue;
    const split = splitAxis(a, axis, outer, rows[0]);
    const block = withoutRows(split);
    if (tensors.every((whole, k) => sameData(whole, withRows(block, rows[k]!)))) {
      return spread(name, block, axis, length, a.shape);
    }
  }
  return undefined;
}

/** Integers `[rows, …]` that are the first row's plus a step for each row. */
function counting(name: string, tensors: Three<Tensor>, rows: Three<number>): Made | undefined {
  const [{ dtype, shape, data }] = tensors;
  if (dtype !== "int64" || tensors.some((other, k) => other.shape[0] !== rows[k])) return undefined;
  const size = sizeOf(shape.slice(1));
  const step = data[size]! - data[0]!;
  const counts = (whole: Tensor): boolean =>
    whole.data.every((x: number, i: number) => x === data[i % size]! + Math.floor(i / size) * step);
  if (!tensors.every((whole) => sizeOf(whole.shape.slice(1)) === size && counts(whole))) return undefined;
  const one = (value: number): Tensor => ({ dtype, shape: [], data: Float64Array.of(value) });
  const column = Float64Array.from(shape, (_, i) => (i === 0 ? -1 : 1));
  const node = (opType: string, input: string[], output: string): onnx.INodeProto => ({
    opType,
    name: output,
    input,
    output: [output],
  });
  return {
    nodes: [
      node("Squeeze", [rowsName], `${name}_count`),
      node("Range", [`${name}_zero`, `${name}_count`, `${name}_one`], `${name}_range`),
      node("Reshape", [`${name}_range`, `${name}_column`], `${name}_rows`),
      node("Mul", [`${name}_rows`, `${name}_step`], `${name}_offsets`),
      node("Add", [`${name}_offsets`, `${name}_block`], name),
    ],
    constants: [
      encodeTensor(`${name}_zero`, one(0)),
      encodeTensor(`${name}_one`, one(1)),
      encodeTensor(`${name}_step`, one(step)),
      encodeTensor(`${name}_column`, { dtype, shape: [column.length], data: column }),
      encodeTensor(`${name}_block`, { dtype, shape: shape.with(0, 1), data: data.slice(0, size) }),
    ],
  };
}

/** A tensor as `[before, rows, after]`, and the block's own shape with a 1 for the rows. */
interface Split {
  readonly value: Tensor;
  readonly before: number;
  readonly rows: number;
  readonly after: number;
  readonly blockShape: readonly number[];
}

function splitAxis(value: Tensor, axis: number, outer: number, rows: number): Split {
  const { shape } = value;
  const inner = shape[axis]! / rows / outer;
  const before = sizeOf(shape.slice(0, axis)) * outer;
  const after = inner * sizeOf(shape.slice(axis + 1));
  return {
    value,
    before,
    rows,
    after,
    blockShape: [...shape.slice(0, axis), outer, 1, inner, ...shape.slice(axis + 1)],
  };
}

/** The first row's part. */
function withoutRows({ value, before, rows, after, blockShape }: Split): Split {
  const data = Float64Array.from(
    { length: before * after },
    (_, i) => value.data[Math.floor(i / after) * rows * after + (i % after)]!,
  );
  return { value: { dtype: value.dtype, shape: blockShape, data }, before, rows: 1, after, blockShape };
}

function withRows({ value, before, after }: Split, rows: number): Tensor {
  const data = Float64Array.from(
    { length: before * rows * after },
    (_, i) => value.data[Math.floor(i / (rows * after)) * after + (i % after)]!,
  );
  return { dtype: value.dtype, shape: [before, rows, after], data };
}

/** name = Reshape(Tile(block, rows times along its axis of length 1), shape) */
function spread(name: string, { value }: Split, axis: number, length: number, shape: readonly number[]): Made {
  const along = Float64Array.from(value.shape, (_, i) => Number(i === axis + 1));
  const repeats = multiplied(
    `${name}_repeats`,
    along,
    along.map((x) => 1 - x),
  );
  const lengths = multiplied(
    `${name}_shape`,
    Float64Array.from(shape, (_, i) => (i === axis ? length : 0)),
    Float64Array.from(shape, (d, i) => (i === axis ? 0 : d)),
  );
  const input = [`${name}_block`, `${name}_repeats`];
  return {
    nodes: [
      ...repeats.nodes,
      ...lengths.nodes,
      { opType: "Tile", name: `${name}_tile`, input, output: [`${name}_tiled`] },
      { opType: "Reshape", name: `${name}_whole`, input: [`${name}_tiled`, `${name}_shape`], output: [name] },
    ],
    constants: [...repeats.constants, ...lengths.constants, encodeTensor(`${name}_block`, value)],
  };
}

function sameData(a: Tensor, b: Tensor): boolean {
  return a.data.length === b.data.length && a.data.every((x: number, i: number) => Object.is(x, b.data[i]));
}

/** Inputs or outputs whose lengths that follow the rows are free; undefined if one follows them otherwise. */
function freedPorts(
  three: Three<readonly onnx.IValueInfoProto[]>,
  rows: Three<number>,
): onnx.IValueInfoProto[] | undefined {
  const dims = (port: onnx.IValueInfoProto): number[] =>
    (port.type?.tensorType?.shape?.dim ?? []).map(({ dimValue }) => Number(dimValue));
  const ports = three[0].map((port, i) => {
    const shapes = three.map((list) => dims(list[i]!));
    const dim = shapes[0]!.map((d, axis) => {
      const lengths = shapes.map((shape) => shape[axis]);
      if (lengths.every((length) => length === d)) return { dimValue: d };
      return lengths.every((length, k) => length === rows[k]) ? { dimParam: batch } : undefined;
    });
    if (dim.includes(undefined)) return undefined;
    return {
      ...port,
      type: { tensorType: { ...port.type!.tensorType, shape: { dim: dim as onnx.TensorShapeProto.IDimension[] } } },
    };
  });
  return ports.includes(undefined) ? undefined : (ports as onnx.IValueInfoProto[]);
}
