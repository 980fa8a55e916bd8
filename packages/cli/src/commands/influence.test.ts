import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readTensors, writeNpz } from "@hessonite/core";
import { afterAll, describe, expect, test } from "vitest";
import { runCommandLine } from "../commandLine.ts";
import { influenceCommandResult } from "../influence/result.ts";
import { captureTerminal } from "../terminal/capture.ts";

const folder = mkdtempSync(join(tmpdir(), "hessonite-influence-"));
afterAll(() => rmSync(folder, { recursive: true }));

const inFolder = (name: string): string => join(folder, name);
const testdata = "packages/influence/testdata";
const concrete = [`${testdata}/concrete-mlp-2.onnx`, "--train", `${testdata}/concrete-train.npz`, "--loss", "mse"];
const queries = ["--query", `${testdata}/concrete-query.npz`];
const digits = ["testdata/mnist/digits-cnn.onnx", "--scale", "1/255", "--loss", "cross-entropy"];

async function run(...words: string[]): Promise<{ code: number; output: string; errors: string }> {
  const terminal = captureTerminal();
  const code = await runCommandLine(["influence", ...words], terminal, new AbortController().signal);
  return { code, output: terminal.output, errors: terminal.errors };
}

async function scoresOf(path: string): Promise<Float64Array> {
  return Float64Array.from((await (await readTensors(path)).tensors.get("scores")!.read()).data);
}

describe("influence on Concrete", () => {
  test("writes scores that evaluate to the published figure", async () => {
    const out = inFolder("scores.npz");
    const { code, output } = await run(...concrete, ...queries, "--damping", "0.1x", "--out", out, "--json");
    expect(code).toBe(0);
    const result = influenceCommandResult.parse(JSON.parse(output));
    expect([result.queries.length, result.train.rows, result.scores]).toEqual([103, 927, out]);
    expect(result.queries[0]!.helpful).toHaveLength(5);
    const evaluated = await run(
      "evaluate",
      out,
      "--retraining",
      `${testdata}/concrete-retraining-dev.npz`,
      "--resamples",
      "20",
      "--json",
    );
    expect(JSON.parse(evaluated.output).score).toBeCloseTo(0.414, 2);
  });

  test("names the rows with the largest scores, by their number in the file", async () => {
    const out = inFolder("some.npz");
    const rows = ["--train-rows", "100:200", "--query-rows", "10:12", "--top", "1"];
    const { output } = await run(...concrete, ...queries, ...rows, "--out", out, "--json");
    const { queries: named } = influenceCommandResult.parse(JSON.parse(output));
    const scores = await scoresOf(out);
    expect(named.map(({ row }) => row)).toEqual([10, 11]);
    const first = scores.subarray(0, 100);
    expect(named[0]!.helpful[0]!.row).toBe(100 + first.indexOf(Math.max(...first)));
    expect(named[0]!.harmful[0]!.row).toBe(100 + first.indexOf(Math.min(...first)));
  });

  test("adds up from shards", async () => {
    const common = [...concrete, ...queries, "--query-rows", "5", "--batch-size", "100", "--cache", inFolder("cache")];
    await run(...common, "--out", inFolder("whole.npz"));
    for (const part of ["1/2", "2/2"]) await run(...common, "--shard", part, "--out", inFolder(`part-${part[0]}.npz`));
    const { code } = await run("reduce", inFolder("part-1.npz"), inFolder("part-2.npz"), "--out", inFolder("sum.npz"));
    expect(code).toBe(0);
    expect(await scoresOf(inFolder("sum.npz"))).toEqual(await scoresOf(inFolder("whole.npz")));
    const rowsOf = async (name: string): Promise<unknown> =>
      (await (await readTensors(inFolder(name))).tensors.get("row")!.read()).data;
    expect(await rowsOf("sum.npz")).toEqual(await rowsOf("whole.npz"));
    const streamed = ["a.safetensors", "b.safetensors", "sum.safetensors"].map(inFolder);
    for (const [i, path] of streamed.slice(0, 2).entries())
      await run(...common, "--shard", `${i + 1}/2`, "--out", path);
    expect((await run("reduce", ...streamed.slice(0, 2), "--out", streamed[2]!)).code).toBe(0);
    expect(await scoresOf(streamed[2]!)).toEqual(await scoresOf(inFolder("whole.npz")));
    const twice = await run("reduce", inFolder("part-1.npz"), inFolder("part-1.npz"), "--out", inFolder("no.npz"));
    expect(twice.code).toBe(1);
    expect(twice.errors).toContain("Cannot add up shards as they are not all of one whole, each once");
    expect(existsSync(inFolder("no.npz"))).toBe(false);
  });
});

describe("influence told more", () => {
  const few = [...concrete, ...queries, "--query-rows", "10:13", "--train-rows", "100:160", "--batch-size", "25"];
  const json = async (...words: string[]) => {
    const { code, output, errors } = await run(...few, ...words, "--json");
    expect([code, errors.includes("Cannot")]).toEqual([0, false]);
    return influenceCommandResult.parse(JSON.parse(output));
  };
  const arraysIn = async (path: string): Promise<string[]> => [...(await readTensors(path)).tensors.keys()].sort();

  test("names rows and queries by lines of a file, and keeps the names beside the scores", async () => {
    const [ids, queryIds, out] = [inFolder("ids.txt"), inFolder("queries.txt"), inFolder("named.npz")];
    writeFileSync(ids, Array.from({ length: 927 }, (_, i) => `mix ${i}\n`).join(""));
    writeFileSync(queryIds, Array.from({ length: 103 }, (_, i) => `cube ${i}\n`).join(""));
    const { queries: named } = await json("--ids", ids, "--query-ids", queryIds, "--out", out);
    expect(named.map(({ id }) => id)).toEqual(["cube 10", "cube 11", "cube 12"]);
    for (const { row, id } of named.flatMap(({ helpful }) => helpful)) expect(id).toBe(`mix ${row}`);
    expect(JSON.parse(readFileSync(`${out}.names.json`, "utf8")).rows).toHaveLength(60);
    expect(await arraysIn(out)).toEqual(["query_row", "row", "scores"]);
    const lacking = await run(...few, "--ids", queryIds);
    expect(lacking.errors).toContain("there is not one for each of them");
  });

  test("stores the top rows alone, or sums by source, and both agree with the matrix", async () => {
    const [whole, top, summed] = [inFolder("whole.npz"), inFolder("top.npz"), inFolder("summed.npz")];
    const { queries: expected } = await json("--out", whole, "--top", "3");
    expect((await json("--out", top, "--top", "3", "--top-only")).queries).toEqual(expected);
    expect(await arraysIn(top)).toEqual(["harmful", "harmful_scores", "helpful", "helpful_scores", "query_row", "row"]);
    const sources = inFolder("sources.txt");
    writeFileSync(sources, Array.from({ length: 927 }, (_, i) => `plant ${i % 2}\n`).join(""));
    const { sources: found } = await json("--sum-by", sources, "--out", summed);
    const scores = await scoresOf(whole);
    const sum = scores.reduce((total, x, at) => total + (at % 2 === 0 ? x / 3 : 0), 0);
    expect(found!.find(({ source }) => source === "plant 0")!.meanScore).toBeCloseTo(sum, 10);
    expect(await arraysIn(summed)).toEqual(["query_row", "row", "source_scores"]);
    const column = inFolder("numbered.npz");
    const { tensors } = await readTensors(`${testdata}/concrete-train.npz`);
    const [x, y] = [await tensors.get("x")!.read(), await tensors.get("y")!.read()];
    await writeNpz(column, {
      x,
      y,
      plant: { dtype: "int32", shape: [927], data: Int32Array.from(y.data, (_, i) => 7 - (i % 2)) },
    });
    const told = ["--train", column, "--loss", "mse", ...queries, "--query-rows", "10:13", "--train-rows", "100:160"];
    await run(concrete[0]!, ...told, "--batch-size", "25", "--sum-by", "plant", "--out", summed);
    const stored = (await readTensors(summed)).tensors;
    expect([...(await stored.get("source")!.read()).data]).toEqual([7, 6]);
    const sums = (await stored.get("source_scores")!.read()).data;
    expect((sums[0]! + sums[2]! + sums[4]!) / 3).toBeCloseTo(sum, 10);
  });

  test.each(["npz", "safetensors"])("writes %s as scores come, with the numbers of the rows", async (kind) => {
    const streamed = inFolder(`streamed.${kind}`);
    const expected = await json();
    const found = await json("--out", streamed);
    expect([found.queries, found.histogram]).toEqual([expected.queries, expected.histogram]);
    const { tensors } = await readTensors(streamed);
    const [first] = found.queries;
    const scores = await tensors.get("scores")!.read();
    expect(scores.shape).toEqual([3, 60]);
    expect(scores.data[first!.helpful[0]!.row - 100]).toBe(first!.helpful[0]!.score);
    const numbers = async (name: string): Promise<number[]> => [...(await tensors.get(name)!.read()).data];
    expect(await numbers("row")).toEqual(Array.from({ length: 60 }, (_, i) => 100 + i));
    expect(await numbers("query_row")).toEqual([10, 11, 12]);
  });

  test("keeps the errors over checkpoints of the rows that it names when scores went to a file", async () => {
    const more = ["--checkpoints", `${testdata}/concrete-mlp-1.onnx`, "--top", "2"];
    const expected = await json(...more);
    const found = await json(...more, "--out", inFolder("errors.npz"));
    expect(found.queries).toEqual(expected.queries);
    expect(found.queries[0]!.helpful[0]!.standardError).toBeGreaterThan(0);
  });

  test("asks for a margin, a prediction, or what an ONNX graph says; queries as one; of low rank", async () => {
    expect((await json("--measurement", "prediction")).units).toContain("measurement");
    const [byGraph, byLoss] = [inFolder("graph.npz"), inFolder("loss.npz")];
    await json("--measurement", `${testdata}/measurement/absolute.onnx`, "--out", byGraph);
    await json("--out", byLoss);
    const [absolute, squared] = [await scoresOf(byGraph), await scoresOf(byLoss)];
    for (const q of [0, 1, 2]) {
      const ratio = squared[60 * q]! / absolute[60 * q]!; // 2 |f − y|, the same for all rows
      expect(ratio).toBeGreaterThan(0);
      for (const at of [7, 33]) expect(squared[60 * q + at]! / absolute[60 * q + at]! / ratio).toBeCloseTo(1, 3);
    }
    const wrong = await run(...few, "--measurement", "margin");
    expect(wrong.errors).toContain("Cannot measure the margin as the loss has no classes");
    expect((await run(...few, "--measurement", "hinge")).errors).toContain("logit, margin, prediction");
    const one = await json("--aggregate", "mean", "--query-rank", "2");
    expect(one.queries.map(({ row }) => row)).toEqual([null]);
  });

  test("fits in shards, one stage after the other", async () => {
    const cache = inFolder("stages");
    const shards = ["1/2", "2/2"];
    const expected = await json();
    const early = await run(...few, "--shard", "1/2", "--stage", "eigenvalues", "--cache", cache);
    expect(early.errors).toContain("some are not there yet");
    for (const stage of ["factors", "eigenvalues"]) {
      for (const shard of shards) await json("--shard", shard, "--stage", stage, "--cache", cache);
    }
    for (const shard of shards) {
      await json("--shard", shard, "--cache", cache, "--out", inFolder(`stage-${shard[0]}.npz`));
    }
    await run("reduce", ...shards.map((shard) => inFolder(`stage-${shard[0]}.npz`)), "--out", inFolder("reduced.npz"));
    const { queries: named } = expected;
    const scores = await scoresOf(inFolder("reduced.npz"));
    expect(scores[named[0]!.helpful[0]!.row - 100]).toBeCloseTo(named[0]!.helpful[0]!.score, 6);
    expect((await run(...few, "--stage", "factors")).errors).toContain("--shard 1/8 --cache FOLDER");
  });

  test("evaluates against removals and marked rows", async () => {
    const out = inFolder("evaluated.npz");
    await json("--self", "--out", out);
    const scores = await scoresOf(out);
    const removed = Int32Array.of(3, 50, 7, 20);
    const changes = Float64Array.from(
      { length: 12 },
      (_, at) => 2 * scores[(at % 3) * 60 + removed[Math.floor(at / 3)]!]!,
    );
    await writeNpz(inFolder("removals.npz"), {
      removed: { dtype: "int32", shape: [4], data: removed },
      changes: { dtype: "float64", shape: [4, 3], data: changes },
    });
    const self = (await (await readTensors(out)).tensors.get("self")!.read()).data;
    const median = [...self].sort((a, b) => a - b)[30]!;
    const marks = Int32Array.from(self, (x) => Number(x >= median));
    await writeNpz(inFolder("marks.npz"), { x: { dtype: "int32", shape: [60], data: marks } });
    const told = ["--removals", inFolder("removals.npz"), "--marked", inFolder("marks.npz"), "--json"];
    const found = JSON.parse((await run("evaluate", out, ...told)).output);
    expect(found.leaveOneOut).toEqual({ removed: 4, correlation: expect.closeTo(1, 10), rankCorrelation: 1 });
    expect(found.marked).toEqual({ rows: 30, areaUnderCurve: 1 });
    expect((await run("evaluate", out)).errors).toContain("nothing to compare them with");
  });

  test("evaluates by taking the most helpful rows away, beside random ones, and shows it", async () => {
    const [out, report] = [inFolder("removable.npz"), inFolder("removal.html")];
    const where = ["--train-rows", "300", "--query-rows", "10:20", "--batch-size", "50"];
    const words = [...concrete, ...queries, ...where];
    expect((await run(...words, "--damping", "0.1x", "--out", out)).code).toBe(0);
    const told = ["--model", ...words, "--epochs", "4", "--learning-rate", "0.0003", "--removal-queries", "4"];
    const { code, output } = await run("evaluate", out, "--removal", "40", ...told, "--report", report, "--json");
    expect(code).toBe(0);
    const { topRemoval } = JSON.parse(output);
    expect(topRemoval.perQuery.map(({ query }: { query: number }) => query)).toEqual([11, 13, 16, 18]);
    expect(topRemoval.top).toBeGreaterThan(topRemoval.random);
    expect(topRemoval.wins).toBeGreaterThanOrEqual(0.75);
    const page = readFileSync(report, "utf8");
    expect(page).toContain("Removing the most helpful rows");
    expect(page).toContain("without random ones");
    expect((await run("evaluate", out, "--removal", "40")).errors).toContain("it is not said what on");
    const others = await run("evaluate", out, "--removal", "40", ...told, "--train-rows", "200");
    expect(others.errors).toContain("the scores are not of these training rows");
    expect((await run("evaluate", out, "--removal", "300", ...told)).errors).toContain("there are not more of them");
  });
});

describe("influence on digits", () => {
  test("shows pictures of the rows behind a query in a report", async () => {
    const report = inFolder("report.html");
    const data = [
      "--train",
      "testdata/mnist/digits-train.npz",
      "--train-rows",
      "300",
      "--query",
      "testdata/mnist/digits.npz",
      "--query-rows",
      "2",
    ];
    const { code, output, errors } = await run(...digits, ...data, "--self", "--top", "2", "--report", report);
    expect(errors).toContain("Report: ");
    expect(code).toBe(0);
    expect(output).toContain("largest influence on themselves");
    const page = readFileSync(report, "utf8");
    expect(page.match(/data:image\/png;base64/g)!.length).toBeGreaterThanOrEqual(8);
    expect(page).toContain("most harmful");
    expect(page).not.toMatch(/<script|https?:\/\/(?!www\.w3\.org)/);
  });
});

describe("rows in a report", () => {
  test("are tables of features, with the names of a table's columns", async () => {
    const [train, report] = [inFolder("mixes.csv"), inFolder("table.html")];
    const { tensors } = await readTensors(`${testdata}/concrete-train.npz`);
    const [x, y] = [(await tensors.get("x")!.read()).data, (await tensors.get("y")!.read()).data];
    const names = ["cement", "slag", "ash", "water", "plasticiser", "coarse", "fine", "age"];
    const lines = Array.from({ length: 40 }, (_, i) => [...x.subarray(8 * i, 8 * i + 8), y[i]].join(","));
    writeFileSync(train, [[...names, "y"].join(","), ...lines].join("\n"));
    const { code } = await run(
      concrete[0]!,
      "--train",
      train,
      "--loss",
      "mse",
      ...queries,
      "--query-rows",
      "2",
      "--report",
      report,
    );
    expect(code).toBe(0);
    const page = readFileSync(report, "utf8");
    expect(page).toContain("<th>plasticiser</th>");
    expect(page).toContain("<th>7</th>"); // the queries are no table: columns by number
  });

  test("are text by a vocabulary", async () => {
    const [train, words, report] = [inFolder("tokens.npz"), inFolder("words.txt"), inFolder("text.html")];
    const x = Float32Array.from({ length: 80 }, (_, i) => (i % 8) % 3);
    await writeNpz(train, {
      x: { dtype: "float32", shape: [10, 8], data: x },
      y: { dtype: "float32", shape: [10, 1], data: Float32Array.from({ length: 10 }, (_, i) => Math.sin(i)) },
    });
    writeFileSync(words, "the\nsmall\n<cat>\n");
    const told = ["--train", train, "--loss", "mse", "--self", "--vocabulary", words, "--report", report];
    expect((await run(concrete[0]!, ...told)).code).toBe(0);
    expect(readFileSync(report, "utf8")).toContain("the small &lt;cat&gt; the small &lt;cat&gt; the small");
  });
});

describe("what cannot be", () => {
  test.each([
    [[...concrete], "there are no queries"],
    [[...concrete, ...queries, "--damping", "nope"], "auto, a positive number, or a factor of the mean eigenvalue"],
    [[...concrete, ...queries, "--shard", "3/2", "--out", "x.npz"], "a part of the whole"],
    [[...concrete, ...queries, "--shard", "1/2"], "there is no file for it"],
    [[...concrete, ...queries, "--out", "scores.csv"], "ends in .npz or .safetensors"],
    [[...concrete, ...queries, "--samples", "3"], "--fisher mc"],
    [[...concrete, ...queries, "--shard", "1/2", "--out", "x.npz", "--top-only"], "those of the whole may be others"],
    [[...concrete, ...queries, "--checkpoints", "not-there.onnx"], "Cannot read the model"],
    [[concrete[0]!, "--train", "testdata/mnist/digits-train.npz", "--loss", "mse", ...queries], "Cannot"],
    [[...concrete, "--query", "testdata/mnist/digits.npz"], "Cannot"],
  ])("is refused: %#", async (words, message) => {
    const { code, errors } = await run(...words);
    expect(code).toBeGreaterThan(0);
    expect(errors).toContain(message);
    expect(errors).not.toContain("internal");
  });

  test("scores without labels, or of other sizes than the truth", async () => {
    const unlabelled = inFolder("unlabelled.npz");
    const x = { dtype: "float32" as const, shape: [20, 8], data: new Float32Array(160).map((_, i) => Math.sin(i)) };
    await writeNpz(unlabelled, { x });
    const { code, errors } = await run(concrete[0]!, "--train", unlabelled, "--loss", "mse", ...queries);
    expect([code, errors]).toEqual([1, expect.stringContaining("no target")]);
    await writeNpz(inFolder("small.npz"), { scores: { dtype: "float64", shape: [1, 2], data: Float64Array.of(1, 2) } });
    const evaluated = await run(
      "evaluate",
      inFolder("small.npz"),
      "--retraining",
      `${testdata}/concrete-retraining-dev.npz`,
    );
    expect(evaluated.errors).toContain("do not fit the retrained losses");
  });

  test("a kept curvature that was damaged: it is computed again", async () => {
    const cache = inFolder("damaged");
    const words = [...concrete, ...queries, "--query-rows", "2", "--train-rows", "60", "--cache", cache, "--json"];
    const before = await run(...words);
    const { readdirSync } = await import("node:fs");
    for (const file of readdirSync(cache)) writeFileSync(join(cache, file), "damaged");
    const after = await run(...words);
    const scores = (text: string): unknown => influenceCommandResult.parse(JSON.parse(text)).queries;
    expect(scores(after.output)).toEqual(scores(before.output));
  });
});
