/** A plugin's result as JSON, with its arrays of numbers in an npz file beside it. */
import { writeFile } from "node:fs/promises";
import { basename, dirname, extname, join } from "node:path";
import { type Tensor, writeNpz } from "@hessonite/core";

/** Arrays up to this length stand in the JSON itself. */
const short = 16;

/** The result without typed arrays; with a path it is written there, and long arrays to `<path without extension>.npz`. */
export async function writeResult(result: unknown, path: string | undefined): Promise<unknown> {
  const arrays: Record<string, Tensor> = {};
  const plain = plainOf(result, "", path === undefined ? undefined : arrays);
  if (path === undefined) return plain;
  if (Object.keys(arrays).length > 0) {
    await writeNpz(join(dirname(path), `${basename(path, extname(path))}.npz`), arrays);
  }
  await writeFile(path, `${JSON.stringify(plain, null, 2)}\n`);
  return plain;
}

function plainOf(value: unknown, name: string, arrays: Record<string, Tensor> | undefined): unknown {
  if (value instanceof Float64Array || value instanceof Float32Array || value instanceof Int32Array) {
    if (!arrays || value.length <= short) return Array.from(value);
    const dtype = value instanceof Float64Array ? "float64" : value instanceof Float32Array ? "float32" : "int32";
    arrays[name] = { dtype, shape: [value.length], data: value };
    return { array: name, length: value.length };
  }
  const inner = (key: string | number): string => (name === "" ? String(key) : `${name}.${key}`);
  if (Array.isArray(value)) return value.map((one, i) => plainOf(one, inner(i), arrays));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, plainOf(one, inner(key), arrays)]));
}
