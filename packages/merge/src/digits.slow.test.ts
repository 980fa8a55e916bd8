/** The study of the digits holds what it promises: paired over five seeds, everything chosen automatically. */
import { ortNodeEngine } from "@hessonite/core";
import { beforeAll, describe, expect, it } from "vitest";
import { gain, meanScore, runStudy, type Scores, studies } from "../bench/study.ts";

const methods = ["average", "regmean", "ggn", "function"] as const;
let scores: Scores;

beforeAll(async () => {
  await using engine = ortNodeEngine();
  scores = await runStudy(studies.digits, engine, { methods });
  for (const method of methods) console.log(method, meanScore(scores, method));
}, 1_200_000);

describe("merging two classifiers of digits", () => {
  it("function space is at least 0.08 in loss and 2.5 points better than the average, and better than RegMean and the GGN", () => {
    expect(gain(scores, "function", "average").loss).toBeGreaterThan(0.08);
    expect(gain(scores, "function", "average").accuracy).toBeGreaterThan(2.5);
    for (const other of ["regmean", "ggn"] as const) {
      expect(gain(scores, "function", other).loss).toBeGreaterThan(0);
      expect(gain(scores, "function", other).accuracy).toBeGreaterThan(0);
    }
  });

  it("the full GGN is at least 0.02 in loss better than the average", () => {
    expect(gain(scores, "ggn", "average").loss).toBeGreaterThan(0.02);
  });
});
