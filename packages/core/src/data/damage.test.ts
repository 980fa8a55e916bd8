/** Whatever bytes a file holds, reading ends in arrays or in an error of ours, never in a crash or a huge allocation. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, it } from "vitest";
import { HessoniteError } from "../errors.ts";
import { type ByteSource, memoryBytes } from "./byteSource.ts";
import { openNpy, openNpz } from "./npz.ts";
import { openSafetensors } from "./safetensors.ts";
import type { TensorFile } from "./tensorFile.ts";

const formats: [string, (source: ByteSource) => Promise<TensorFile>][] = [
  ["types.npz", openNpz],
  ["types-deflated.npz", openNpz],
  ["zip64.npz", openNpz],
  ["version1.npy", openNpy],
  ["tensors.safetensors", openSafetensors],
];

async function readAll(file: TensorFile): Promise<void> {
  for (const stored of file.tensors.values()) {
    await stored.header();
    const { shape } = await stored.read();
    await stored.rows?.(0, shape[0] ?? 0);
  }
}

describe("damaged files", () => {
  it.each(formats)("%s: random bytes in random places, and any cut", async (name, open) => {
    const whole = readFileSync(join(import.meta.dirname, "../../testdata/data", name));
    const edits = fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(edits, fc.oneof(fc.constant(whole.length), fc.nat(whole.length)), async (changes, length) => {
        const bytes = Uint8Array.from(whole);
        for (const [at, byte] of changes) bytes[at] = byte;
        try {
          await readAll(await open(memoryBytes(bytes.subarray(0, length))));
        } catch (error) {
          if (!(error instanceof HessoniteError)) throw error;
        }
      }),
      { numRuns: 200 },
    );
  });
});
