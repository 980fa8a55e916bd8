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
    ["seconds long, whatever writing takes", [3000, 3000, 3000, 3000], 100, 1, 4],
    ["short, and so are all the writings together", Array.from({ length: 400 }, () => 7), 2, 1, 400],
    ["of many sizes, others' among them", [1, 700, 2, 650, 0, 1900, 80, 80, 80, 900, 300], 20, 1, 11],
    ["short beside a writing", Array.from({ length: 400 }, () => 30), 300, 25 * 300, 5],
    ["a little shorter than what may be lost", Array.from({ length: 40 }, () => 900), 40, 1000, 41],
  ])("loses little when batches are %s", async (_, batches, writing, most, writings) => {
    const time = vi.spyOn(performance, "now");
    let now = 0;
    time.mockImplementation(() => now);
    let saves = 0;
    let kept = 0;
    let work = 0;
    const keeper = {
      load: async () => undefined,
      save: async () => {
        now += writing;
        saves++;
        kept = work;
      },
    };
    const { added, keep } = await partialSum({ keeper });
    for (const [index, milliseconds] of batches.entries()) {
      now += milliseconds;
      work += milliseconds;
      expect(work - kept, `in batch ${index}`).toBeLessThanOrEqual(Math.max(most, milliseconds)); // if it is killed now
      await added(index);
    }
    await keep();
    time.mockRestore();
    expect(kept).toBe(work);
    expect(saves).toBeLessThanOrEqual(writings);
    expect(saves * writing).toBeLessThanOrEqual(1000 + writing + 0.08 * work);
  });

  it("keeps what was summed up when it is stopped, and does not go over finished data again", async () => {
    await using problem = await problemOf();
    const stop = new AbortController();
    let kept: PartialSum | undefined;
    const keeper: NonNullable<PartialSums["keeper"]> = {
      load: async () => kept,
      save: async ({ done, sums }) => {
        kept = { done, sums: sums.map((data) => data.slice()) };
      },
    };
    const batches: number[] = [];
    const onProgress = ({ done }: { readonly done: number }): void => {
      batches.push(done);
    };
    const stopped = kroneckerFactors(problem, {
      part: { keeper },
      signal: stop.signal,
      onProgress: () => stop.abort(),
    });
    await expect(stopped).rejects.toThrow();
    expect(kept?.done).toBe(1);
    const whole = numbers(await kroneckerFactors(problem, { part: { keeper }, onProgress }));
    expect(batches).toEqual(Array.from({ length: problem.survey.batches - 1 }, (_, i) => i + 2));
    const data = vi.spyOn(problem, "batches");
    expect(numbers(await kroneckerFactors(problem, { part: { keeper }, onProgress }))).toEqual(whole);
    expect(data).not.toHaveBeenCalled();
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
