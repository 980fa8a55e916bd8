/** Tables of numbers as text: a line a row, the first line the columns' names unless it is all numbers. */
import { parse } from "csv-parse/sync";
import { UsageError } from "../errors.ts";
import type { Shape } from "../ir/shape.ts";
import type { Tensor } from "../ir/tensor.ts";
import type { ByteSource } from "./byteSource.ts";
import type { StoredTensor, TensorFile } from "./tensorFile.ts";

export interface CsvOptions {
  /** The column that is the target; without such a column all are inputs. `y` unless given. */
  readonly target?: string | undefined;
  /** The column that weighs the rows, if one does; no input either. */
  readonly weights?: string | undefined;
  readonly delimiter?: string;
}

interface Column {
  readonly name: string;
  readonly values: Float64Array;
}

/**
 * The table's columns.
 *
 * @returns Each column under its name, `[rows, 1]`; target and weights under theirs, `[rows]`; int64 if all are integers; and `x`,
 * all other columns in their order, `[rows, columns]`, unless a column is called so.
 * @throws {UsageError} if a cell is not a number, or lines differ in length.
 */
export async function openCsv(
  source: ByteSource,
  { target = "y", weights, delimiter = "," }: CsvOptions = {},
): Promise<TensorFile> {
  const lines = parseLines(new TextDecoder().decode(await source.read(0, source.size)), delimiter, source.name);
  const [names, rows, firstLine] = splitNames(lines);
  checkNames(names, source.name);
  const isInput = ({ name }: Column): boolean => name !== target && name !== weights;
  const columns = names.map(
    (name, c): Column => ({ name, values: readColumn(rows, c, name, `${source.name}, line`, firstLine) }),
  );
  const [inputs, others] = [columns.filter(isInput), columns.filter((column) => !isInput(column))];
  const tensors = new Map<string, Tensor>([["x", sideBySide(inputs, rows.length)]]);
  for (const { name, values } of inputs) tensors.set(name, columnOf(values, [rows.length, 1]));
  for (const { name, values } of others) tensors.set(name, columnOf(values, [rows.length]));
  return { name: source.name, tensors: new Map([...tensors].map(([name, value]) => [name, inMemory(name, value)])) };
}

function parseLines(text: string, delimiter: string, at: string): readonly string[][] {
  try {
    return parse(text, { delimiter, bom: true, trim: true, skip_empty_lines: true });
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new UsageError("Cannot read a table as its lines are no regular CSV", { at, found: message }, { cause });
  }
}

function checkNames(names: readonly string[], at: string): void {
  const twice = names.find((name, c) => names.indexOf(name) !== c);
  if (twice === undefined) return;
  throw new UsageError("Cannot read a table as two columns have the same name", { at, found: twice });
}

/** Names, rows, and the number of the first row's line (empty lines not counted). */
function splitNames(lines: readonly string[][]): [string[], readonly string[][], number] {
  const [first = [], ...rest] = lines;
  const named = first.some((cell) => numberIn(cell) === undefined);
  return named ? [first, rest, 2] : [first.map((_, c) => String(c)), lines, 1];
}

function readColumn(rows: readonly string[][], c: number, name: string, at: string, firstLine: number): Float64Array {
  return Float64Array.from(rows, (row, r) => {
    const value = numberIn(row[c] ?? "");
    if (value !== undefined) return value;
    throw new UsageError("Cannot read a table as a cell is not a number", {
      at: `${at} ${r + firstLine}, column ${name}`,
      found: row[c] === "" ? "an empty cell" : `"${row[c]}"`,
      try: "encode categories as numbers and fill or drop missing values first",
    });
  });
}

/** `nan` and `inf` are numbers here: the checks of the data say where they stand. */
const special: Readonly<Record<string, number>> = {
  nan: Number.NaN,
  inf: Number.POSITIVE_INFINITY,
  "+inf": Number.POSITIVE_INFINITY,
  "-inf": Number.NEGATIVE_INFINITY,
};

function numberIn(cell: string): number | undefined {
  const value = special[cell.toLowerCase()] ?? (cell === "" ? Number.NaN : Number(cell));
  return Number.isNaN(value) && cell.toLowerCase() !== "nan" ? undefined : value;
}

function sideBySide(columns: readonly Column[], rows: number): Tensor {
  const data = new Float64Array(rows * columns.length);
  columns.forEach(({ values }, c) => {
    values.forEach((value, r) => {
      data[r * columns.length + c] = value;
    });
  });
  return { dtype: "float64", shape: [rows, columns.length], data };
}

/** int64 if all are integers: classes, identifiers. */
function columnOf(values: Float64Array, shape: Shape): Tensor {
  return { dtype: values.every((value) => Number.isSafeInteger(value)) ? "int64" : "float64", shape, data: values };
}

function inMemory(name: string, tensor: Tensor): StoredTensor {
  return { name, header: async () => tensor, read: async () => tensor };
}
