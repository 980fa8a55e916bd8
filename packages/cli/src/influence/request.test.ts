import { describe, expect, it } from "vitest";
import { influenceOptions } from "./options.ts";
import { requestOf } from "./request.ts";

const least = { model: "m.onnx", train: "t.npz", query: "q.npz", loss: "cross-entropy" };
const requestFor = (given: object) => requestOf(influenceOptions.parse({ ...least, ...given }));

describe("what the command line asks the plugin for", () => {
  it.each([
    [{}, { kind: "ekfac", convention: "perDatum" }],
    [
      { fisher: "mc", samples: 4, seed: 2 },
      { kind: "ekfac", convention: "perDatum", fisher: "mc", samples: 4, seed: 2 },
    ],
    [
      { strategy: "kfac", groups: "average" },
      { kind: "kfac", groups: "average" },
    ],
    [
      { strategy: "diagonal", groups: "average" },
      { kind: "diagonal", convention: "perDatum", groups: "average" },
    ],
    [{ strategy: "block-ggn" }, { kind: "block-ggn" }],
  ])("is of %j the curvature %j", (given, curvature) => {
    expect(requestFor(given).operators).toEqual({ curvature });
  });

  it.each([
    [{ damping: "0.1x" }, { damping: { meanFraction: 0.1 } }],
    [{ damping: 0.01 }, { damping: 0.01 }],
    [{ damping: "auto" }, { damping: "auto" }],
    [{ shard: "2/8", stage: "factors", cache: "c" }, { shard: { index: 2, of: 8, stage: "factors" } }],
    [{ out: "s.npz" }, { scoresFile: "s.npz", top: 5 }],
    [{ out: "s.npz", topOnly: true, top: 7 }, { top: 7 }],
    [
      { out: "s.npz", sumBy: "author" },
      { sources: "author", top: 5 },
    ],
    [{ measurement: "margin" }, { measurement: "margin" }],
    [{ measurement: "graph.onnx" }, { measurement: { graph: "graph.onnx" } }],
  ])("is of %j the options %j", (given, expected) => {
    const usual = {
      loss: expect.anything(),
      inversion: "tikhonov",
      detail: "sum",
      aggregate: "none",
      self: false,
      raw: false,
    };
    expect(requestFor(given).options).toEqual({ ...usual, ...expected });
  });

  it.each([
    [{ out: "scores.csv" }, "no format that they are written in"],
    [{ stage: "factors" }, "takes a shard and a folder"],
    [{ shard: "1/2" }, "there is no file for it"],
    [{ shard: "1/2", out: "s.npz", topOnly: true }, "the top rows of a shard alone"],
    [{ samples: 3 }, "the curvature takes none"],
    [{ strategy: "ggn", fisher: "empirical" }, "the strategy takes neither"],
    [{ strategy: "identity", groups: "average" }, "the strategy takes neither"],
    [{ queryIds: "id", aggregate: "sum" }, "they are taken as one"],
    [{ measurement: "logits" }, "the measurement is not known"],
  ])("refuses %j", (given, message) => {
    expect(() => requestFor(given)).toThrow(message);
  });
});
