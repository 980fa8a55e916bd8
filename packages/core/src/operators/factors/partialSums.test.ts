import { fileURLToPath } from "node:url";
import { describe, expect, it, vi } from "vitest";
import { readCase } from "../../conformance/case.ts";
import { referenceEngine } from "../../engine/reference/engine.ts";
import { expectClose } from "../../testing/expectClose.ts";
import { createProblem, type Problem } from "../problem.ts";
import { type KroneckerFactors, kroneckerFactors } from "./kroneckerFactors.ts";
import { type PartialSum, type PartialSums, partialSum } from "./partialSums.ts";

const folder = fileURLToPath(new URL("../../../testdata/conformance/mlp_ce_mean", import.meta.url));

async function problemOf(): Promise<Problem> {
  const { model, data, loss, parameters } = await readCase(folder, { exact: true });
  const problem = await createProblem({ model, data, loss, parameters, engine: referenceEngine() });
  expect(problem.survey.batches).toBeGreaterThan(1);
  return problem;
}

const numbers = ({ blocks }: KroneckerFactors): Float64Array =>
  Float64Array.from(blocks.flatMap(({ g, a }) => [...g.data, ...(a instanceof Float64Array ? a : (a?.data ?? []))]));

describe("a part of a sum over batches", () => {
  it("is a shard of it: all shards add up to the whole", async () => {
    await using problem = await problemOf();
    const whole = numbers(await kroneckerFactors(problem));
    const [even, odd] = await Promise.all(
      [0, 1].map(async (k) => numbers(await kroneckerFactors(problem, { part: { batches: (i) => i % 2 === k } }))),
    );
    expectClose(
      even!.map((x, i) => x + odd![i]!),
      whole,
      "the sum of two shards",
    );
    expect(Math.abs(even![0]!)).toBeLessThan(Math.abs(whole[0]!));
  });

  it.each([
    ["seconds long", [3000, 3000, 3000, 3000]],
    ["a little less than a second long", [900, 900, 900, 900]],
    ["of many sizes, others' among them", [1, 700, 2, 650, 0, 1900, 80, 80, 80, 900, 300]],
    ["short", Array.from({ length: 400 }, () => 7)],
  ])("loses no more than a second or a batch when batches are %s", async (_, batches) => {
    const time = vi.spyOn(performance, "now");
    let now = 0;
    let kept = 0;
    time.mockImplementation(() => now);
    const keeper = {
      load: async () => undefined,
      save: async () => {
        kept = now;
      },
    };
    const { added } = await partialSum({ keeper });
    let saves = 0;
    for (const [index, milliseconds] of batches.entries()) {
      now += milliseconds;
      expect(now - kept, `in batch ${index}`).toBeLessThanOrEqual(Math.max(1000, ...batches)); // if it is killed now
      await added(index);
      if (kept === now && milliseconds > 0) saves++;
    }
    time.mockRestore();
    expect(saves).toBeLessThanOrEqual(batches.length === 400 ? 3 : batches.length);
  });

  it("goes on where it was stopped", async () => {
    await using problem = await problemOf();
    const whole = numbers(await kroneckerFactors(problem));
    let kept: PartialSum | undefined;
    const time = vi.spyOn(performance, "now");
    let now = 0;
    time.mockImplementation(() => (now += 2000));
    const keeper: NonNullable<PartialSums["keeper"]> = {
      load: async () => kept,
      save: async ({ done, sums }) => {
        kept = { done, sums: sums.map((data) => data.slice()) };
      },
    };
    const stop = new AbortController();
    const stopped = kroneckerFactors(problem, {
      part: { keeper },
      signal: stop.signal,
      onProgress: () => stop.abort(new Error("killed")),
    });
    await expect(stopped).rejects.toThrow("killed");
    expect(kept?.done).toBe(1);
    const resumed = numbers(await kroneckerFactors(problem, { part: { keeper } }));
    time.mockRestore();
    expect(resumed).toEqual(whole);
    expect(kept?.done).toBe(problem.survey.batches);
  });
});
