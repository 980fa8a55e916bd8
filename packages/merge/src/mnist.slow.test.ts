/** The study of MNIST holds what it promises: paired over three seeds, everything chosen automatically. */
import { ortNodeEngine } from "@hessonite/core";
import { beforeAll, describe, expect, it } from "vitest";
import { gain, meanScore, runStudy, type Scores, studies } from "../bench/study.ts";

const methods = ["average", "regmean", "ggn", "function"] as const;
let scores: Scores;

beforeAll(async () => {
  await using engine = ortNodeEngine();
  scores = await runStudy(studies.mnist, engine, { methods, only: [0, 1, 2] });
  for (const method of methods) console.log(method, meanScore(scores, method));
}, 1_200_000);

describe("merging three convolutional classifiers of digits", () => {
  it("function space is at least 0.08 in loss and 2.5 points better than the average, and better than RegMean and the GGN", () => {
    expect(gain(scores, "function", "average").loss).toBeGreaterThan(0.08);
    expect(gain(scores, "function", "average").accuracy).toBeGreaterThan(2.5);
    for (const other of ["regmean", "ggn"] as const) {
      expect(gain(scores, "function", other).loss).toBeGreaterThan(0);
      expect(gain(scores, "function", other).accuracy).toBeGreaterThan(0);
    }
  });
});
