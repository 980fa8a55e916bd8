/** Adds up the scores of all shards, a query at a time: the whole matrices are never in memory. */
import { readTensors, type StoredTensor, streamTensors, type Tensor, UsageError } from "@hessonite/core";

interface Part {
  readonly file: string;
  readonly arrays: ReadonlyMap<string, StoredTensor>;
}

/** Arrays that every shard has whole. */
const common: readonly string[] = ["self", "row", "query_row", "source"];

/**
 * @returns Shapes by name.
 * @throws {UsageError} unless the files are all shards of one whole, each once, with arrays of the same shapes.
 */
export async function reduceScores(files: readonly string[], out: string): Promise<Record<string, number[]>> {
  const parts = await Promise.all(
    files.map(async (file): Promise<Part> => ({ file, arrays: (await readTensors(file)).tensors })),
  );
  await requireWhole(parts);
  const names = [...(parts[0]?.arrays.keys() ?? [])].filter((name) => name !== "shard");
  const forms = Object.fromEntries(
    await Promise.all(names.map(async (name) => [name, await formOf(name, parts)] as const)),
  );
  await using stream = await streamTensors(out, forms, { metadata: { kind: "influence scores" } });
  for (const name of names) {
    let at = 0;
    const sharing = common.includes(name) ? parts.slice(0, 1) : parts;
    for await (const piece of pieces(sharing.map(({ arrays }) => arrays.get(name) as StoredTensor))) {
      await stream.write(name, at, piece);
      at += piece.length;
    }
  }
  await stream.finish();
  return Object.fromEntries(Object.entries(forms).map(([name, { shape }]) => [name, [...shape]]));
}

async function requireWhole(parts: readonly Part[]): Promise<void> {
  const numbers = await Promise.all(
    parts.map(async ({ arrays }) => Array.from((await arrays.get("shard")?.read())?.data ?? [])),
  );
  const total = numbers[0]?.[1];
  const found = numbers.map(([index]) => index).sort((a = 0, b = 0) => a - b);
  const whole =
    total === parts.length && numbers.every(([, of]) => of === total) && found.every((index, i) => index === i + 1);
  if (whole) return;
  throw new UsageError("Cannot add up shards as they are not all of one whole, each once", {
    expected: `shards 1 … ${total ?? "n"} of ${total ?? "n"}`,
    found: parts.map(({ file }, i) => `${file}: ${numbers[i]?.join("/") || "no shard"}`).join(", "),
  });
}

async function formOf(name: string, parts: readonly Part[]): Promise<Pick<Tensor, "dtype" | "shape">> {
  const headers = await Promise.all(parts.map(({ arrays }) => arrays.get(name)?.header()));
  const [first] = headers as [Pick<Tensor, "dtype" | "shape">];
  const odd = headers.findIndex((one) => String(one?.shape) !== String(first.shape));
  if (odd < 0) return first;
  throw new UsageError("Cannot add up shards as an array differs in shape", {
    at: `${parts[odd]?.file}, "${name}"`,
    expected: `[${first.shape.join(", ")}]`,
    found: headers[odd] ? `[${headers[odd].shape.join(", ")}]` : "no array of that name",
  });
}

/** The sum of arrays in parts of a row each. */
async function* pieces(arrays: readonly StoredTensor[]): AsyncGenerator<Tensor["data"]> {
  const { shape } = await (arrays[0] as StoredTensor).header();
  const byRow = shape.length > 1 && arrays.every(({ rows }) => rows);
  for (let row = 0; row < (byRow ? (shape[0] ?? 0) : 1); row++) {
    const read = arrays.map((array) => (byRow && array.rows ? array.rows(row, row + 1) : array.read()));
    const list = (await Promise.all(read)).map(({ data }) => data);
    const [first] = list as [Tensor["data"]];
    if (list.length === 1) yield first;
    else yield Float64Array.from(first, (_, i) => list.reduce((sum, data) => sum + Number(data[i]), 0));
  }
}
