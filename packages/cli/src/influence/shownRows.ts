/** How rows of the data look to a person: a picture, a text, or their features. */
import { readFile } from "node:fs/promises";
import { openDataset, readModel, readTensors, type Tensor } from "@hessonite/core";
import { type Html, html, raw } from "../report/html.ts";
import { digits } from "../terminal/quantity.ts";
import type { InfluenceOptions } from "./options.ts";
import { pictureOf } from "./png.ts";
import type { InfluenceCommandResult } from "./result.ts";

export interface ShownRows {
  readonly train: ReadonlyMap<number, Html>;
  readonly query: ReadonlyMap<number, Html>;
}

/** Queries that a report shows. */
export const shownQueries = 24;

/** The rows that a report speaks of, by their number in the file. */
export async function shownRows(
  options: InfluenceOptions,
  result: InfluenceCommandResult,
  signal: AbortSignal,
): Promise<ShownRows> {
  const queries = result.queries.slice(0, shownQueries);
  const named = [...queries.flatMap(({ helpful, harmful }) => [...helpful, ...harmful]), ...(result.self ?? [])];
  const vocabulary = options.vocabulary ? (await readFile(options.vocabulary, "utf8")).split(/\r?\n/) : undefined;
  const show = (file: string, wanted: ReadonlySet<number>) => rowsOf(options, file, wanted, vocabulary, signal);
  return {
    train: await show(options.train, new Set(named.map(({ row }) => row))),
    query: options.query
      ? await show(options.query, new Set(queries.flatMap(({ row }) => (row === null ? [] : [row]))))
      : new Map(),
  };
}

async function rowsOf(
  { model: path, target, batchSize }: InfluenceOptions,
  file: string,
  wanted: ReadonlySet<number>,
  vocabulary: readonly string[] | undefined,
  signal: AbortSignal,
): Promise<Map<number, Html>> {
  const found = new Map<number, Html>();
  if (wanted.size === 0) return found;
  const last = Math.max(...wanted);
  const model = await readModel(path);
  const data = await openDataset(
    { file, batchSize, rows: { end: last + 1 }, ...(target && { target }) },
    model,
    signal,
  );
  const names = await columnNames(file, target);
  let first = 0;
  for await (const batch of data.batches()) {
    const [input] = Object.values(batch.inputs);
    for (let i = 0; i < batch.rows; i++) {
      if (!wanted.has(first + i) || !input) continue;
      const label = batch.target ? labelOf(batch.target, i) : "";
      found.set(
        first + i,
        html`<figure>${lookOf(input, i, vocabulary, names)}<figcaption>row ${first + i}${label}</figcaption></figure>`,
      );
    }
    first += batch.rows;
  }
  return found;
}

function rowOf({ shape, data }: Tensor, i: number): { readonly shape: readonly number[]; readonly data: Float64Array } {
  const own = shape.slice(1);
  const size = own.reduce((n, d) => n * d, 1);
  return { shape: own, data: Float64Array.from(data.subarray(i * size, (i + 1) * size)) };
}

function labelOf(target: Tensor, i: number): string {
  const { data } = rowOf(target, i);
  if (data.length > 4) return "";
  return ` · target ${Array.from(data, (x) => (Number.isInteger(x) ? String(x) : digits(x))).join(", ")}`;
}

const smallestPicture = 8;

function lookOf(input: Tensor, i: number, vocabulary: readonly string[] | undefined, names: readonly string[]): Html {
  const { shape, data } = rowOf(input, i);
  const [channels = 0, height = 0, width = 0] = shape;
  if (shape.length === 3 && (channels === 1 || channels === 3) && Math.min(height, width) >= smallestPicture) {
    const png = Buffer.from(pictureOf(data, [channels, height, width])).toString("base64");
    return html`<img class="row" alt="row ${i}" src="${raw(`data:image/png;base64,${png}`)}">`;
  }
  if (vocabulary && shape.length === 1)
    return html`<p class="row">${Array.from(data, (x) => vocabulary[x] ?? `⟨${x}⟩`).join(" ")}</p>`;
  return features(data, names);
}

const mostFeatures = 12;

/** A table's own names of its columns; none for files that are no tables. */
async function columnNames(file: string, target = "y"): Promise<readonly string[]> {
  if (!/\.[ct]sv$/i.test(file)) return [];
  const { tensors } = await readTensors(file, { target });
  return [...tensors.keys()].filter((name) => name !== "x" && name !== target);
}

/** A line of names (numbers where there are none) over a line of values. */
function features(data: Float64Array, names: readonly string[]): Html {
  const shown = [...data.subarray(0, mostFeatures)];
  const more = data.length > mostFeatures ? html`<td>… ${data.length} in all</td>` : "";
  return html`<table class="features"><tr>${shown.map((_, c) => html`<th>${names[c] ?? c}</th>`)}</tr>
<tr>${shown.map((x) => html`<td>${digits(x, 3)}</td>`)}${more}</tr></table>`;
}
