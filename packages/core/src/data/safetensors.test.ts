import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { tensor } from "../ir/tensor.ts";
import { memoryBytes } from "./byteSource.ts";
import { readTensors } from "./readTensors.ts";
import { openSafetensors, writeSafetensors } from "./safetensors.ts";

const folder = mkdtempSync(join(tmpdir(), "hessonite-safetensors-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** A file with this header; numbers stand for the header's own length. */
function fileWith(header: unknown, dataBytes: number, length?: bigint): Uint8Array {
  const json = Buffer.from(typeof header === "string" ? header : JSON.stringify(header));
  const prefix = Buffer.alloc(8);
  prefix.writeBigUInt64LE(length ?? BigInt(json.length));
  return Buffer.concat([prefix, json, Buffer.alloc(dataBytes)]);
}

const read = async (bytes: Uint8Array): Promise<unknown> =>
  (await openSafetensors(memoryBytes(bytes, "s"))).tensors.get("a")?.read();
const header = (change: object): object => ({ a: { dtype: "F32", shape: [2, 3], data_offsets: [0, 24], ...change } });

describe("safetensors", () => {
  it("reads what it writes, aligned and with its metadata", async () => {
    const path = join(folder, "some.safetensors");
    const values = {
      flag: tensor("bool", [3], Uint8Array.of(1, 0, 1)),
      weight: tensor("float32", [2, 3], Float32Array.of(1, 2, 3, 4, 5, 6)),
      index: tensor("int64", [2], [-1, 2 ** 40]),
      exact: tensor("float64", [], [0.1]),
    };
    await writeSafetensors(path, values, { metadata: { seed: "7" } });
    const file = await readTensors(path);
    expect(file.metadata).toEqual({ seed: "7" });
    expect([...file.tensors.keys()]).toEqual(["index", "exact", "weight", "flag"]); // wider elements first
    for (const [name, { dtype, shape, data }] of Object.entries(values)) {
      const stored = await file.tensors.get(name)?.read();
      expect({ ...stored, data: Array.from(stored?.data ?? []) }).toEqual({ dtype, shape, data: Array.from(data) });
    }
    expect(readFileSync(path).readUInt32LE(0) % 8).toBe(0);
  });

  it("reads the file it is given as a sanity check of the tests below", async () => {
    expect(await read(fileWith(header({}), 24))).toMatchObject({ dtype: "float32", shape: [2, 3] });
  });

  it.each([
    ["no file of this kind", new TextEncoder().encode("hello"), /would not fit into the file/],
    ["an absurd header length", fileWith(header({}), 24, 2n ** 62n), /would not fit into the file/],
    ["no JSON", fileWith("{nonsense", 24), /is not JSON/],
    ["a list for a header", fileWith([], 24), /no JSON object/],
    [
      "data cut short",
      fileWith(header({}), 23),
      /do not fill its shape or end after the file.*array a.*24 bytes for \[2, 3\]/s,
    ],
    ["data that do not fill the shape", fileWith(header({ data_offsets: [0, 20] }), 24), /do not fill its shape/],
    ["a negative offset", fileWith(header({ data_offsets: [-4, 20] }), 24), /header is damaged/],
    ["a negative length", fileWith(header({ shape: [-2, -3] }), 24), /header is damaged/],
    ["an absurd shape", fileWith(header({ shape: [2 ** 40, 2 ** 40] }), 24), /do not fill its shape/],
    ["a type we do not hold", fileWith(header({ dtype: "F8_E4M3" }), 24), /not a number of up to 64 bits.*F8_E4M3/s],
  ])("says what is wrong with %s", async (_, bytes, message) => {
    await expect(read(bytes)).rejects.toThrow(message);
  });

  it("writes no 16-bit floats: they are held widened", async () => {
    const half = { dtype: "float16", shape: [1], data: Float32Array.of(1) } as const;
    await expect(writeSafetensors(join(folder, "half.safetensors"), { half })).rejects.toThrow("none we write");
  });
});
