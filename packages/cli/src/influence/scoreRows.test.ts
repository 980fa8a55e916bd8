import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Tensor, writeNpz } from "@hessonite/core";
import type { InfluenceResult } from "@hessonite/influence";
import { afterAll, describe, expect, it } from "vitest";
import { scoreRows } from "./scoreRows.ts";

const folder = await mkdtemp(join(tmpdir(), "hessonite-score-rows-"));
afterAll(() => rm(folder, { recursive: true }));

/** Two queries, three rows of two positions, two modules. */
const modules = [
  [1, 2, 3, 4, 5, 6, 10, 20, 30, 40, 50, 60],
  [0.5, 0, 0, 0.25, 0, 0, -1, -2, 0, 0, 0, -3],
].map((values) => Float64Array.from(values));
const sums = [
  [3.5, 7.25, 11],
  [27, 70, 107],
];

const inMemory = { rows: 3, positions: 2, scores: modules, standardErrors: [] };

async function stored(): Promise<string> {
  const path = join(folder, "scores.npz");
  const of = (data: Float64Array): Tensor => ({ dtype: "float64", shape: [2, 3, 2], data });
  await writeNpz(path, Object.fromEntries(modules.map((data, i) => [`scores layer${i}`, of(data)])));
  return path;
}

describe("a query's scores, one a row", () => {
  it.each(["in memory", "in a file"])("are sums over modules and positions, %s", async (where) => {
    const found = where === "in memory" ? inMemory : { ...inMemory, scores: [], scoresFile: await stored() };
    const rows = await scoreRows(found as unknown as InfluenceResult);
    expect(await Promise.all([0, 1].map(async (query) => Array.from((await rows?.total(query)) ?? [])))).toEqual(sums);
    expect(await rows?.errors(0)).toBeUndefined();
  });

  it("are not there where the matrix was not asked for", async () => {
    expect(await scoreRows({ ...inMemory, scores: [] } as unknown as InfluenceResult)).toBeUndefined();
  });
});
