import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import type { Dtype } from "../ir/dtype.ts";
import { type Tensor, tensor } from "../ir/tensor.ts";
import { memoryBytes } from "./byteSource.ts";
import { encodeNpy, parseNpy } from "./npy.ts";
import { openNpz, writeNpy, writeNpz } from "./npz.ts";
import { readTensors } from "./readTensors.ts";
import { readZip } from "./zip.ts";
import { type ZipOptions, zipChunks } from "./zipWriter.ts";

const folder = mkdtempSync(join(tmpdir(), "hessonite-npz-"));
afterAll(() => rmSync(folder, { recursive: true }));

const example = { x: tensor("float32", [2, 3], Float32Array.of(1, 2, 3, 4, 5, 6)), y: tensor("int64", [2], [7, -8]) };

/** What each dtype can hold exactly. */
const elements = {
  float64: fc.double({ noNaN: true }),
  float32: fc.float({ noNaN: true }),
  int64: fc.maxSafeInteger(),
  uint64: fc.maxSafeNat(),
  int32: fc.integer(),
  uint32: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
  int16: fc.integer({ min: -(2 ** 15), max: 2 ** 15 - 1 }),
  uint16: fc.integer({ min: 0, max: 2 ** 16 - 1 }),
  int8: fc.integer({ min: -128, max: 127 }),
  uint8: fc.integer({ min: 0, max: 255 }),
  bool: fc.integer({ min: 0, max: 1 }),
} satisfies Partial<Record<Dtype, fc.Arbitrary<number>>>;

const tensors: fc.Arbitrary<Tensor> = fc
  .tuple(
    fc.constantFrom(...(Object.keys(elements) as (keyof typeof elements)[])),
    fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 4 }),
  )
  .chain(([dtype, shape]) => {
    const length = shape.reduce((n, d) => n * d, 1);
    return fc
      .array(elements[dtype], { minLength: length, maxLength: length })
      .map((data) => tensor(dtype, shape, data));
  });

async function zipped(contents: Record<string, Uint8Array>, options: ZipOptions): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of zipChunks(
    Object.entries(contents).map(([name, bytes]) => ({ name, bytes })),
    options,
  ))
    chunks.push(chunk);
  return Buffer.concat(chunks);
}

const plain = ({ dtype, shape, data }: Tensor): unknown => ({ dtype, shape, data: Array.from(data) });

describe("npy", () => {
  it("reads what it writes", () => {
    fc.assert(
      fc.property(tensors, (value) => {
        expect(plain(parseNpy(encodeNpy(value), "a.npy"))).toEqual(plain(value));
      }),
      { numRuns: 200 },
    );
  });

  it("begins its data at a multiple of 64 bytes, as numpy does", () => {
    expect(encodeNpy(example.x).length).toBe(128 + 6 * 4);
  });

  it("leaves a caller's bytes as they are when it swaps their order", () => {
    const bytes = Buffer.from(readFileSync(join(import.meta.dirname, "../../testdata/data/version1.npy")));
    const big = Buffer.from(bytes.toString("latin1").replace("'<f4'", "'>f4'"), "latin1");
    const copy = Uint8Array.from(big);
    parseNpy(big, "a.npy");
    expect(Uint8Array.from(big)).toEqual(copy);
  });

  it("refuses integers that float64 cannot hold", () => {
    const bytes = encodeNpy(tensor("int64", [2], [0, 0]));
    new DataView(bytes.buffer).setBigInt64(bytes.length - 8, 2n ** 53n + 1n, true);
    expect(() => parseNpy(bytes, "a.npy")).toThrow(/beyond 2\^53\n {2}at {8}a.npy, element 1/);
  });

  const bytes = encodeNpy(example.x);
  const edited = (from: string, to: string): Uint8Array =>
    Buffer.from(Buffer.from(bytes).toString("latin1").replace(from, to), "latin1");
  it.each([
    ["another file", new TextEncoder().encode("hello, world of arrays"), /not in numpy's \.npy format/],
    ["a header cut short", bytes.subarray(0, 40), /ends before its header does/],
    [
      "data cut short",
      bytes.subarray(0, -1),
      /data are shorter than its header says.*24 bytes for \[2, 3\].*23 bytes/s,
    ],
    ["data too long", Buffer.concat([bytes, Buffer.of(0)]), /data are longer/],
    ["an absurd shape", edited("(2, 3)", "(2000000000, 3000000000)"), /data are shorter/],
    ["complex numbers", edited("<f4", "<c8"), /not numbers of up to 64 bits.*found {5}<c8/s],
    ["pickled objects", edited("'<f4'", "'|O' "), /not numbers of up to 64 bits/],
    ["a header of another kind", edited("descr", "nonse"), /not a dictionary of descr/],
    ["a version to come", Uint8Array.from(bytes, (b, i) => (i === 6 ? 9 : b)), /version 9/],
  ])("says what is wrong with %s", (_, bytes, message) => {
    expect(() => parseNpy(bytes, "a.npy")).toThrow(message);
  });
});

describe("npz", () => {
  it.each([{ compress: false }, { compress: true }])("reads what it writes, $compress", async (options) => {
    const path = join(folder, "some.npz");
    await writeNpz(path, { ...example, "layer/größe": tensor("float64", [], [2.5]) }, options);
    const { tensors } = await readTensors(path);
    expect([...tensors.keys()]).toEqual(["x", "y", "layer/größe"]);
    for (const [name, value] of Object.entries(example)) {
      const read = await tensors.get(name)?.read();
      expect(read && plain(read)).toEqual(plain(value));
    }
  });

  it("writes the same bytes twice, and leaves nothing else behind", async () => {
    const [a, b] = [join(folder, "a.npz"), join(folder, "b.npz")];
    await writeNpz(a, example);
    await writeNpz(b, Object.entries(example));
    expect(readFileSync(a)).toEqual(readFileSync(b));
    expect(readdirSync(folder).filter((name) => name.endsWith(".part"))).toEqual([]);
  });

  it("keeps the old file when the new one fails", async () => {
    const path = join(folder, "kept.npz");
    await writeNpz(path, example);
    const before = readFileSync(path);
    await expect(
      writeNpz(path, { ...example, z: { dtype: "string", shape: [1], data: new Float64Array(1) } }),
    ).rejects.toThrow("no such element type");
    expect(readFileSync(path)).toEqual(before);
    expect(readdirSync(folder).filter((name) => name.endsWith(".part"))).toEqual([]);
  });

  it("uses ZIP64 fields where a value needs them", async () => {
    const contents = { a: new TextEncoder().encode("aaaaaaaaaaaaaaaaaaaaaaaaa"), b: new TextEncoder().encode("b") };
    for (const compress of [false, true]) {
      const bytes = await zipped(contents, { compress, zip64From: 10 });
      const entries = await readZip(memoryBytes(bytes));
      expect(await Promise.all(entries.map(async (e) => [e.name, Buffer.from(await e.read()).toString()]))).toEqual([
        ["a", "aaaaaaaaaaaaaaaaaaaaaaaaa"],
        ["b", "b"],
      ]);
    }
  });

  const python = spawnSync("python3", ["-c", "import zipfile"]).status === 0;
  it.skipIf(!python)("writes archives that Python reads, ZIP64 or not", async () => {
    const contents = { "a.bin": Uint8Array.from({ length: 5000 }, (_, i) => i % 7), "ü.bin": Uint8Array.of(1, 2, 3) };
    const paths = [];
    for (const [i, options] of [
      {},
      { compress: true },
      { zip64From: 10 },
      { compress: true, zip64From: 10 },
    ].entries()) {
      const path = join(folder, `python${i}.zip`);
      writeFileSync(path, await zipped(contents, options));
      paths.push(path);
    }
    const script = `
import sys, zipfile
for path in sys.argv[1:]:
    archive = zipfile.ZipFile(path)
    assert archive.testzip() is None
    print({entry.filename: sum(archive.read(entry)) for entry in archive.infolist()})`;
    const { stdout, stderr } = spawnSync("python3", ["-X", "utf8", "-c", script, ...paths], { encoding: "utf8" });
    expect(stderr).toBe("");
    expect(stdout.trim().split("\n")).toEqual(paths.map(() => "{'a.bin': 14995, 'ü.bin': 6}"));
  });

  it("says what is wrong with a damaged archive", async () => {
    const whole = Buffer.from(
      await zipped(
        { "x.npy": encodeNpy(tensor("float64", [200], new Float64Array(200).fill(1.25))) },
        { compress: true },
      ),
    );
    const damage = (at: number, byte: number): Buffer => {
      const copy = Buffer.from(whole);
      copy[at] = byte;
      return copy;
    };
    const directory = whole.readUInt32LE(whole.length - 6);
    const read = async (bytes: Uint8Array): Promise<unknown> =>
      (await openNpz(memoryBytes(bytes, "d.npz"))).tensors.get("x")?.read();
    await expect(read(new TextEncoder().encode("no archive, but long enough to be one"))).rejects.toThrow(
      /it is not a ZIP archive\n {2}at {8}d.npz/,
    );
    await expect(read(new Uint8Array())).rejects.toThrow("it is not a ZIP archive");
    await expect(read(whole.subarray(0, -30))).rejects.toThrow("it is truncated: the directory at its end is missing");
    await expect(read(damage(directory, 0))).rejects.toThrow("its directory is damaged");
    await expect(read(damage(directory + 10, 12))).rejects.toThrow(/packed in a way we do not know.*method 12/s);
    await expect(read(damage(directory + 8, 1))).rejects.toThrow("encrypted");
    await expect(read(damage(directory + 27, 255))).rejects.toThrow("sizes are impossible"); // 4 GB from a few bytes
    await expect(read(damage(directory + 16, 0))).rejects.toThrow("do not match its checksum");
    await expect(read(damage(0, 0))).rejects.toThrow("not where the directory says");
    await expect(read(damage(36, 0xff))).rejects.toThrow(/entry x\.npy/);
    await expect(read(encodeNpy(example.x))).rejects.toThrow(/holds one array alone.*name it \.npy/s);
  });

  it("notices that a file has changed since it was opened", async () => {
    const path = join(folder, "changed.npy");
    await writeNpy(path, example.x);
    const file = await readTensors(path);
    await writeNpy(path, tensor("float64", [1], [1]));
    await expect(file.tensors.get("x")?.read()).rejects.toThrow("has changed since it was opened");
  });
});
