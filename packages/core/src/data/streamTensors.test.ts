import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { writeNpz } from "./npz.ts";
import { streamNpz } from "./npzStream.ts";
import { readTensors } from "./readTensors.ts";
import { streamTensors } from "./streamTensors.ts";
import { zipChunks } from "./zipWriter.ts";

const folder = mkdtempSync(join(tmpdir(), "hessonite-stream-"));
afterAll(() => rmSync(folder, { recursive: true }));
const arrays = { a: { dtype: "float32", shape: [3] }, b: { dtype: "float64", shape: [2, 2] } } as const;

describe.each(["npz", "safetensors"])("%s as a stream", (kind) => {
  it("holds pieces that came in any order, and zeros elsewhere", async () => {
    const path = join(folder, `whole.${kind}`);
    await using stream = await streamTensors(path, arrays, { metadata: { note: "ä" } });
    await stream.write("b", 3, Float64Array.of(4));
    await stream.write("a", 1, Float32Array.of(2, 3));
    await stream.write("b", 0, Float64Array.of(1, 2));
    expect(readdirSync(folder)).not.toContain(`whole.${kind}`);
    await stream.finish();
    const { tensors, metadata } = await readTensors(path);
    expect(metadata).toEqual(kind === "npz" ? undefined : { note: "ä" });
    expect((await tensors.get("a")!.read()).data).toEqual(Float32Array.of(0, 2, 3));
    expect((await tensors.get("b")!.read()).data).toEqual(Float64Array.of(1, 2, 0, 4));
    expect((await tensors.get("b")!.rows!(1, 2)).data).toEqual(Float64Array.of(0, 4));
  });

  it("leaves nothing behind unless it is finished", async () => {
    {
      await using stream = await streamTensors(join(folder, `never.${kind}`), arrays);
      await stream.write("a", 0, Float32Array.of(1));
      await expect(stream.write("a", 2, Float32Array.of(1, 2))).rejects.toThrow("does not lie inside it");
      await expect(stream.write("a", -1, Float32Array.of(1))).rejects.toThrow("does not lie inside it");
      await expect(stream.write("c", 0, Float32Array.of(1))).rejects.toThrow("elements 0 … 0");
    }
    expect(readdirSync(folder).filter((name) => name.startsWith("never"))).toEqual([]);
  });
});

it("an archive that was streamed is the archive written at once, byte by byte", async () => {
  const long = Float64Array.from({ length: 300_000 }, (_, i) => Math.sin(i)); // more than a chunk of checksums
  const whole = {
    long: { dtype: "float64", shape: [3, 100_000], data: long },
    "ä/b": { dtype: "int32", shape: [2], data: Int32Array.of(-1, 7) },
    none: { dtype: "float32", shape: [0], data: new Float32Array() },
  } as const;
  const [atOnce, streamed] = [join(folder, "once.npz"), join(folder, "streamed.npz")];
  await writeNpz(atOnce, whole);
  await using stream = await streamTensors(streamed, whole);
  await stream.write("ä/b", 0, whole["ä/b"].data);
  for (const row of [2, 0, 1])
    await stream.write("long", row * 100_000, long.subarray(row * 100_000, (row + 1) * 100_000));
  await stream.finish();
  expect(readFileSync(streamed).equals(readFileSync(atOnce))).toBe(true);
});

it("archives beyond 4 GiB have the fields for it", async () => {
  const data = Float64Array.from({ length: 20 }, (_, i) => i);
  const [path, plain] = [join(folder, "wide.npz"), join(folder, "plain.npz")];
  await using stream = await streamNpz(path, { x: { dtype: "float64", shape: [20] } }, { zip64From: 100 });
  await stream.write("x", 0, data);
  await stream.finish();
  expect((await (await readTensors(path)).tensors.get("x")!.read()).data).toEqual(data);
  await writeNpz(plain, { x: { dtype: "float64", shape: [20], data } });
  const bytes = readFileSync(plain).subarray(30 + "x.npy".length, 30 + "x.npy".length + 128 + 160);
  const expected: Uint8Array[] = [];
  for await (const chunk of zipChunks([{ name: "x.npy", bytes }], { zip64From: 100 })) expected.push(chunk);
  expect(readFileSync(path).equals(Buffer.concat(expected))).toBe(true);
});

it("files of other kinds are refused", async () => {
  await expect(streamTensors(join(folder, "x.csv"), arrays)).rejects.toThrow("names no format for it");
});
