import { describe, expect, it } from "vitest";
import { UsageError } from "../../errors.ts";
import { GraphBuilder } from "../../ir/builder.ts";
import { float, ints } from "../../testing/nested.ts";
import { evaluateGraph } from "./interpreter.ts";

describe("evaluateGraph", () => {
  it("runs a two-layer network as one does by hand", () => {
    const g = new GraphBuilder();
    const x = g.input("x", "float32", [2, 2]);
    const w = g.input("w", "float32", [2, 2]);
    const hidden = g.unary("Relu", g.add(g.matmul(x, w), g.constant(-1)));
    const graph = g.build([x, w], [g.sum(hidden, [1]), hidden]);
    // x w = [[1, 2], [4, 3]], less 1: [[0, 1], [3, 2]]
    const [sums, units] = evaluateGraph(
      graph,
      new Map([
        [x, float("[[1, 0], [2, 1]]")],
        [w, float("[[1, 2], [2, -1]]")],
      ]),
    );
    expect(sums?.data).toEqual(Float64Array.of(1, 5));
    expect(units).toEqual(float("[[0, 1], [3, 2]]"));
  });

  it("takes feeds in float32 and answers in float64", () => {
    const g = new GraphBuilder();
    const x = g.input("x", "float32", [1]);
    const feed = { dtype: "float32", shape: [1], data: Float32Array.of(0.1) } as const;
    const [y] = evaluateGraph(g.build([x], [g.add(x, x)]), new Map([[x, feed]]));
    expect(y?.data).toEqual(Float64Array.of(2 * Math.fround(0.1)));
  });

  it("gives outputs that share nothing with feeds, constants or each other", () => {
    const g = new GraphBuilder();
    const x = g.input("x", "float32", [2]);
    const constant = g.constantTensor(float([5, 6]));
    const column = g.reshape(x, [2, 1]);
    const graph = g.build([x], [x, column, column, constant]);
    const feed = float([1, 2]);
    const outputs = evaluateGraph(graph, new Map([[x, feed]]));
    for (const { data } of outputs) data.fill(0);
    expect(feed.data).toEqual(Float64Array.of(1, 2));
    expect(evaluateGraph(graph, new Map([[x, feed]])).map(({ data }) => [...data])).toEqual([
      [1, 2],
      [1, 2],
      [1, 2],
      [5, 6],
    ]);
    expect(new Set(outputs.map(({ data }) => data)).size).toBe(4);
  });

  it("keeps what later nodes need: a value used first and last", () => {
    const g = new GraphBuilder();
    const x = g.input("x", "float32", []);
    let y = g.unary("Exp", x);
    const first = y;
    for (let i = 0; i < 5; i++) y = g.add(y, g.mul(y, y));
    const [last] = evaluateGraph(g.build([x], [g.sub(y, first)]), new Map([[x, float(0)]]));
    expect(last?.data[0]).toBe([1, 2, 3, 4, 5].reduce((v) => v + v * v, 1) - 1);
  });

  it("names the input that has no feed, and the one whose feed does not fit", () => {
    const g = new GraphBuilder();
    const [x, i] = [g.input("x", "float32", [2]), g.input("i", "int64", [1])];
    const graph = g.build([x, i], [g.gather(x, i, 0)]);
    expect(() => evaluateGraph(graph, new Map([[x, float([1, 2])]]))).toThrow(UsageError);
    expect(() => evaluateGraph(graph, new Map([[x, float([1, 2])]]))).toThrowErrorMatchingInlineSnapshot(`
      [UsageError: Cannot run the graph as an input has no feed
        at        input "i"
        expected  int64[1]]
    `);
    const wide = new Map([
      [x, float([1, 2, 3])],
      [i, ints([0])],
    ] as const);
    expect(() => evaluateGraph(graph, wide)).toThrowErrorMatchingInlineSnapshot(`
      [MismatchError: Cannot run the graph as a feed does not fit its input
        at        input "x"
        expected  float32[2]
        found     float32[3]]
    `);
    const real = new Map([
      [x, float([1, 2])],
      [i, float([0])],
    ] as const);
    expect(() => evaluateGraph(graph, real)).toThrow(/does not fit/);
  });

  it("says at which node the data are wrong", () => {
    const g = new GraphBuilder();
    const [x, i] = [g.input("x", "float32", [2]), g.input("i", "int64", [1])];
    const y = g.from({ node: "/embed", opType: "Gather" }, () => g.gather(x, i, 0));
    const feeds = new Map([
      [x, float([1, 2])],
      [i, ints([7])],
    ] as const);
    expect(() => evaluateGraph(g.build([x, i], [y]), feeds)).toThrowErrorMatchingInlineSnapshot(`
      [MismatchError: Cannot gather as an index lies outside the axis
        at        Gather "/embed"
        expected  -2 to 1
        found     7]
    `);
  });
});
