import { type Batch, type Dataset, datasetFromArrays, type Tensor } from "@hessonite/core";
import { describe, expect, it } from "vitest";
import { type AugmentOptions, augmented, moreRows, usualCopies } from "./augment.ts";

const tensor = (shape: readonly number[], data: readonly number[]): Tensor => ({
  dtype: "float32",
  shape,
  data: Float32Array.from(data),
});

async function batchesOf(data: Dataset): Promise<Batch[]> {
  const all: Batch[] = [];
  for await (const batch of data.batches()) all.push(batch);
  return all;
}

async function rowsOf(data: Dataset, name = "x"): Promise<number[][]> {
  return (await batchesOf(data)).flatMap(({ inputs, rows }) => {
    const values = [...inputs[name]!.data].map(Number);
    const width = values.length / rows;
    return Array.from({ length: rows }, (_, r) => values.slice(r * width, (r + 1) * width));
  });
}

/** Two colours of 3 × 4 pixels, each pixel another number. */
const pixels = Array.from({ length: 3 * 24 }, (_, k) => k + 1);
const images = datasetFromArrays(
  {
    inputs: { x: tensor([3, 2, 3, 4], pixels) },
    target: { dtype: "int32", shape: [3], data: Int32Array.of(0, 1, 2) },
  },
  { batchSize: 2 },
);
const by = (way: AugmentOptions["by"], copies = 4): AugmentOptions => ({ by: way, copies });

/** The row moved by whole pixels, written with indices. */
function movedBy(row: readonly number[], down: number, right: number): number[] {
  const clamp = (i: number, n: number): number => Math.min(n - 1, Math.max(0, i));
  const out: number[] = [];
  for (let c = 0; c < 2; c++)
    for (let i = 0; i < 3; i++)
      for (let j = 0; j < 4; j++) out.push(row[c * 12 + clamp(i + down, 3) * 4 + clamp(j + right, 4)]!);
  return out;
}

const steps = [-1, 0, 1];

describe("rows made of others", () => {
  it("by shifts are the rows moved by at most a pixel, both colours together, edges repeated", async () => {
    const rows = await rowsOf(augmented(images, by("shift", 20)));
    expect(rows).toHaveLength(3 * 21);
    expect(rows.slice(0, 3).flat()).toEqual(pixels);
    const moves = new Set<string>();
    rows.slice(3).forEach((row, k) => {
      const own = rows[k % 3]!;
      const found = steps.flatMap((down) =>
        steps.flatMap((right) => (movedBy(own, down, right).join() === row.join() ? [`${down} ${right}`] : [])),
      );
      expect(found).toHaveLength(1);
      moves.add(found[0]!);
    });
    expect(moves.size).toBe(9);
  });

  it("by mixing lie between two rows of a batch, nearer to their own", async () => {
    const pairs = datasetFromArrays({ inputs: { x: tensor([4, 1], [0, 10, 100, 130]) } }, { batchSize: 2 });
    const made = (await rowsOf(augmented(pairs, by("mix", 50)))).flat().slice(4);
    made.forEach((value, k) => {
      const [low, high] = [
        [0, 5],
        [5, 10],
        [100, 115],
        [115, 130],
      ][k % 4]!;
      expect(value).toBeGreaterThanOrEqual(low! - 1e-4);
      expect(value).toBeLessThanOrEqual(high! + 1e-4);
    });
    expect(new Set(made).size).toBeGreaterThan(60);
  });

  it("mix every input with the same rows and shares", async () => {
    const x = [1, 5, 11, 30];
    const both = datasetFromArrays({
      inputs: {
        x: tensor([4, 1], x),
        y: tensor(
          [4, 1],
          x.map((v) => 2 * v + 7),
        ),
      },
    });
    const made = augmented(both, by("mix", 9));
    const [a, b] = [(await rowsOf(made, "x")).flat(), (await rowsOf(made, "y")).flat()];
    a.forEach((value, k) => expect(b[k]!).toBeCloseTo(2 * value + 7, 4));
  });

  it("have no targets, and are the same each time", async () => {
    const made = augmented(images, by("shift-mix"));
    expect((await batchesOf(made)).every(({ target }) => target === undefined)).toBe(true);
    expect(await rowsOf(made)).toEqual(await rowsOf(made));
    expect(await rowsOf(augmented(images, { ...by("shift-mix"), seed: 1 }))).not.toEqual(await rowsOf(made));
    expect(made.rows).toBe(15);
  });

  it("are as many as make some 2,000, none where there are as many, and the result says so", async () => {
    expect([usualCopies(100), usualCopies(1500), usualCopies(1000), usualCopies(4000)]).toEqual([19, 0, 1, 0]);
    const { rowsAt, notes } = await moreRows(images, "mix");
    expect(rowsAt(0).rows).toBe(3 * 667);
    expect(await rowsOf(rowsAt(7))).toEqual(await rowsOf(rowsAt(7)));
    expect(await rowsOf(rowsAt(7))).not.toEqual(await rowsOf(rowsAt(0)));
    expect(notes.join()).toContain("Of each of 3 calibration rows 666 more were made by mix");
    expect((await moreRows(images)).rowsAt(3)).toBe(images);
  });

  it("cannot be made of words, nor moved where there are no positions", async () => {
    const words = datasetFromArrays({ inputs: { ids: { dtype: "int32", shape: [2, 3], data: new Int32Array(6) } } });
    await expect(rowsOf(augmented(words, by("mix")), "ids")).rejects.toThrowErrorMatchingInlineSnapshot(`
      [UsageError: Cannot make more rows as an input is not of floating point
        at        input "ids"
        found     int32
        try       more calibration rows]
    `);
    const flat = datasetFromArrays({ inputs: { x: tensor([2, 3], [1, 2, 3, 4, 5, 6]) } });
    await expect(rowsOf(augmented(flat, by("shift")))).rejects.toThrowErrorMatchingInlineSnapshot(`
      [UsageError: Cannot shift rows as an input has no positional axes
        found     shape [2, 3]
        try       mix instead of shift]
    `);
  });
});
