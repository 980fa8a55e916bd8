/** Batches as programs take them: checked against the model's inputs, padded, with a weight per loss term. */
import type { Batch } from "../data/dataset.ts";
import { MismatchError, UsageError } from "../errors.ts";
import { isFloat } from "../ir/dtype.ts";
import { type Shape, showShape, sizeOf } from "../ir/shape.ts";
import type { NumericArray, Tensor } from "../ir/tensor.ts";
import type { OnnxModel, Port } from "../onnx/model.ts";
import type { Binding } from "./binding.ts";
import type { ProblemBase } from "./problem.ts";

export interface PreparedBatch {
  /** Position among the batches. */
  readonly index: number;
  /** Number of the first row among all rows. */
  readonly firstRow: number;
  /** Rows that count; the tensors may have more, with weight 0. */
  readonly rows: number;
  readonly shapes: Readonly<Record<string, Shape>>;
  /** The model's inputs by name. */
  readonly inputs: Readonly<Record<string, Tensor>>;
  /** Absent where the data have no target. */
  readonly target?: Tensor;
  /** s: a weight per loss term. */
  readonly weights: Tensor;
  /** `[rows]`: how often each row counts; 0 for padding, and for rows none of whose terms count. */
  readonly rowWeights: Tensor;
  /** This batch's part of a mean's divisor. */
  readonly count: number;
}

export interface Placement {
  readonly index: number;
  readonly firstRow: number;
  /** Rows to pad to. */
  readonly rows: number;
}

/** Checks and pads one batch. */
export function prepareBatch(base: ProblemBase, batch: Batch, place: Placement): PreparedBatch {
  const where = `${base.data.name}, batch ${place.index}`;
  if (batch.rows > place.rows) {
    throw new MismatchError("Cannot use the data as a batch has more rows than said", {
      at: where,
      expected: `at most ${place.rows}`,
      found: batch.rows,
    });
  }
  const inputs = Object.fromEntries(
    base.model.inputs.map((port) => [port.name, padRows(inputOf(base, batch, port, where), place.rows)]),
  );
  const shapes = Object.fromEntries(Object.entries(inputs).map(([name, value]) => [name, value.shape]));
  const prediction = base.bind({ shapes } as PreparedBatch).prediction.shape;
  if (prediction[0] !== place.rows) {
    throw new MismatchError("Cannot use the model's output as its first axis does not count the rows of the batch", {
      at: `output "${base.output}"`,
      expected: `[${place.rows}, …]`,
      found: showShape(prediction),
      try: "choose another output, or check that the data's first axis is the batch",
    });
  }
  const terms = base.loss.termShape(prediction);
  const rowWeights = termWeights(batch, [place.rows], undefined);
  const common = { ...place, rows: batch.rows, shapes, inputs, rowWeights };
  if (!batch.target) return { ...common, weights: termWeights(batch, terms, undefined), count: 0 };
  const own = [batch.rows, ...prediction.slice(1)];
  const prepared = base.loss.prepare(batch.target, own, where);
  const weights = termWeights(batch, terms, prepared.weights);
  return {
    ...common,
    rowWeights: ofCountedRows(rowWeights, weights),
    target: padRows(prepared.target, place.rows),
    weights,
    count: countOf(batch, sizeOf(terms.slice(1)), prepared.shares),
  };
}

function inputOf({ checks }: ProblemBase, batch: Batch, port: Port, where: string): Tensor {
  const value = batch.inputs[port.name];
  if (!value) {
    throw new UsageError("Cannot use the data as they lack an input of the model", {
      at: where,
      expected: `"${port.name}"`,
      found: Object.keys(batch.inputs).join(", ") || "no inputs",
    });
  }
  const fits =
    !port.shape ||
    (port.shape.length === value.shape.length &&
      port.shape.every((d, i) => i === 0 || typeof d !== "number" || d === value.shape[i]));
  if (!fits) {
    throw new MismatchError("Cannot use the data as an input has another shape than the model's", {
      at: `${where}, input "${port.name}"`,
      expected: `[${port.shape!.map((d, i) => (i === 0 ? "rows" : (d ?? "?"))).join(", ")}]`,
      found: showShape(value.shape),
    });
  }
  if (isFloat(value.dtype) && !isFloat(port.dtype)) {
    throw new MismatchError("Cannot use the data as an input has another dtype than the model's", {
      at: `${where}, input "${port.name}"`,
      expected: port.dtype,
      found: value.dtype,
    });
  }
  if (checks.finite && isFloat(port.dtype)) requireFiniteInput(value, `${where}, input "${port.name}"`);
  return value;
}

/** −∞ is legitimate: additive masks are data too. */
function requireFiniteInput({ data, shape }: Tensor, where: string): void {
  const at = data.findIndex((x: number) => Number.isNaN(x) || x === Number.POSITIVE_INFINITY);
  if (at < 0) return;
  const perRow = sizeOf(shape.slice(1));
  throw new UsageError("Cannot use the data as an entry is not finite", {
    at: `${where}, row ${Math.floor(at / perRow)}, entry ${at % perRow}`,
    found: data[at]!,
  });
}

/** The first row repeated until there are `rows`: real values, so that nothing new can overflow. */
function padRows(value: Tensor, rows: number): Tensor {
  const [own, ...rest] = value.shape as [number, ...number[]];
  if (own >= rows) return value;
  const size = sizeOf(rest);
  const data = new (value.data.constructor as new (n: number) => NumericArray)(rows * size);
  data.set(value.data as never);
  for (let row = own; row < rows; row++) data.set(value.data.subarray(0, size) as never, row * size);
  return { dtype: value.dtype, shape: [rows, ...rest], data };
}

/** Σ over the batch's own terms of row weight × share. */
function countOf(batch: Batch, perRow: number, shares: Float64Array | number): number {
  let count = 0;
  for (let i = 0; i < batch.rows * perRow; i++) {
    count += rowWeight(batch, i, perRow) * (typeof shares === "number" ? shares : shares[i]!);
  }
  return count;
}

/** The weight of the row that term `i` belongs to. */
function rowWeight({ weights }: Batch, i: number, perRow: number): number {
  return weights?.data[Math.floor(i / perRow)] ?? 1;
}

/** Row weight × term weight, 0 beyond the batch's own rows. */
function termWeights(batch: Batch, terms: Shape, own: Float64Array | undefined): Tensor {
  const perRow = sizeOf(terms.slice(1));
  const data = new Float64Array(sizeOf(terms));
  for (let i = 0; i < batch.rows * perRow; i++) {
    data[i] = (own?.[i] ?? 1) * rowWeight(batch, i, perRow);
  }
  return { dtype: "float32", shape: terms, data };
}

/** 0 for a row none of whose loss terms count: it is as if it were not there. */
function ofCountedRows(rowWeights: Tensor, { data, shape }: Tensor): Tensor {
  const perRow = sizeOf(shape.slice(1));
  const counts = (row: number): boolean =>
    data.subarray(row * perRow, (row + 1) * perRow).some((weight) => weight !== 0);
  return { ...rowWeights, data: Float64Array.from(rowWeights.data, (weight, row) => (counts(row) ? weight : 0)) };
}

/** A binding's input shapes at another number of rows; undefined where the model fixes the first axis. */
export function batchShapes(model: OnnxModel, binding: Binding, rows: number): Record<string, Shape> | undefined {
  const flexible = model.inputs.every((port) => typeof port.shape?.[0] !== "number" || port.shape[0] === rows);
  if (!flexible) return undefined;
  return Object.fromEntries([...binding.inputs].map(([name, input]) => [name, [rows, ...input.shape.slice(1)]]));
}
