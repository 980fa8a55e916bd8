/**
 * Arrays on disk under the hash of what they depend on.
 *
 * A file is complete or absent: it is written beside its place and renamed. One that cannot be read is computed again, so that
 * parts of a result, of which there are many, need not wait for the disk.
 */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { readTensors } from "../data/readTensors.ts";
import { writeSafetensors } from "../data/safetensors.ts";
import type { Tensor } from "../ir/tensor.ts";
import { canonical, valueHash } from "./identity.ts";

export type Arrays = Readonly<Record<string, Tensor>>;

export interface ArrayStore {
  /** The arrays of this key, if they are there and whole. */
  load(key: unknown): Promise<Arrays | undefined>;
  save(key: unknown, arrays: Arrays, options?: { readonly flush?: boolean }): Promise<void>;
}

export function arrayStore(folder: string): ArrayStore {
  const pathOf = (key: unknown): string => join(folder, `${valueHash(key)}.safetensors`);
  return {
    load: (key) => load(pathOf(key)),
    async save(key, arrays, options) {
      await mkdir(folder, { recursive: true });
      await writeSafetensors(pathOf(key), arrays, { metadata: { key: canonical(key) }, ...options });
    },
  };
}

async function load(path: string): Promise<Arrays | undefined> {
  try {
    const { tensors } = await readTensors(path);
    return Object.fromEntries(
      await Promise.all([...tensors].map(async ([name, stored]) => [name, await stored.read()] as const)),
    );
  } catch {
    return undefined;
  }
}
