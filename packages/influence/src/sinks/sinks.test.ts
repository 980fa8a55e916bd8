import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { randomStream, readTensors } from "@hessonite/core";
import { afterAll, describe, expect, it } from "vitest";
import { extremeRows, scoresBySource } from "../evaluation/combine.ts";
import { collectScores } from "./collectScores.ts";
import { scoreFile } from "./scoreFile.ts";
import type { AveragedSlice } from "./sink.ts";
import { sourceSums } from "./sourceSums.ts";
import { topRows } from "./topRows.ts";

const folder = mkdtempSync(join(tmpdir(), "hessonite-sinks-"));
afterAll(() => rmSync(folder, { recursive: true }));

const [queries, rows, positions] = [3, 11, 2];
const stream = randomStream(5, "scores");
const draw = (n: number): Float64Array => Float64Array.from({ length: n }, () => Math.round(10 * stream.normal()));
const matrices = [draw(queries * rows * positions), draw(queries * rows * positions)];
const errors = matrices.map((data) => data.map(Math.abs));

/** Batches of four rows, the second one first. */
function slices(withErrors = false): AveragedSlice[] {
  return [4, 0, 8].map((firstRow) => {
    const some = Math.min(4, rows - firstRow);
    const part = (data: Float64Array): Float64Array =>
      Float64Array.from({ length: queries * some * positions }, (_, at) => {
        const [q, rest] = [Math.floor(at / (some * positions)), at % (some * positions)];
        return data[(q * rows + firstRow) * positions + rest]!;
      });
    const standardErrors = withErrors ? { standardErrors: errors.map(part) } : {};
    return { firstRow, rows: some, positions, scores: matrices.map(part), ...standardErrors };
  });
}

/** `[queries, rows]`, by definition. */
const totals = Float64Array.from({ length: queries * rows }, (_, at) =>
  matrices.reduce((sum, data) => sum + data[2 * at]! + data[2 * at + 1]!, 0),
);

describe("where scores go", () => {
  it("memory holds them all in place", () => {
    const sink = collectScores(queries, rows);
    for (const slice of slices(true)) sink.add(slice);
    expect(sink.result()).toEqual({ positions, scores: matrices, standardErrors: errors });
  });

  it.each(["npz", "safetensors"])("a file (%s) holds the same, and is there only when it is whole", async (kind) => {
    const path = join(folder, `scores.${kind}`);
    {
      await using file = scoreFile(path, { queries, rows, modules: ["a", "b"] });
      for (const slice of slices(true).slice(1)) await file.add(slice);
    }
    expect(readdirSync(folder).filter((name) => name.includes(kind))).toEqual([]);
    await using file = scoreFile(path, { queries, rows, modules: ["a", "b"] });
    for (const slice of slices(true)) await file.add(slice);
    await file.finish();
    const { tensors } = await readTensors(path);
    expect([...tensors.keys()].sort()).toEqual(["scores a", "scores b", "standard_error a", "standard_error b"]);
    const second = await tensors.get("scores b")!.read();
    expect([second.shape, second.data]).toEqual([[queries, rows, positions], matrices[1]]);
    const rowTwo = await tensors.get("scores a")!.rows!(1, 2);
    expect(rowTwo.data).toEqual(matrices[0]!.slice(rows * positions, 2 * rows * positions));
  });

  it("the top rows are those of the sorted matrix", () => {
    const sink = topRows(queries, 3);
    for (const slice of slices()) sink.add(slice);
    sink.result().forEach(({ helpful, harmful }, q) => {
      const expected = extremeRows(totals.subarray(q * rows, (q + 1) * rows), 3);
      expect(helpful.map(({ score }) => score)).toEqual(expected.helpful.map(({ score }) => score));
      expect(harmful.map(({ score }) => score)).toEqual(expected.harmful.map(({ score }) => score));
      for (const { row, score } of [...helpful, ...harmful]) expect(totals[q * rows + row]).toBe(score);
    });
  });

  it("sources get the sums of their rows", () => {
    const sources = ["x", "y", "x", "z", "y", "x", "x", "z", "z", "y", "x"];
    const sink = sourceSums(queries, rows, sources);
    for (const slice of slices()) sink.add(slice);
    expect(sink.result()).toEqual(scoresBySource(totals, queries, sources));
    expect(() => sourceSums(queries, rows, ["x"])).toThrow("not one source a training row");
  });
});
