import { expect, test } from "vitest";
import { evaluateGraph } from "../engine/reference/interpreter.ts";
import { evaluateOp } from "../engine/reference/kernels.ts";
import { GraphBuilder, graphOf } from "../ir/builder.ts";
import { tensor } from "../ir/tensor.ts";
import { holdDecisions } from "./decisions.ts";

test("held at x = 2, |x − 1| + max(x, 0)² continues as x − 1 + x² to the other side of both kinks", () => {
  const g = new GraphBuilder(evaluateOp);
  const x = g.input("x", "float32", [1]);
  const y = g.add(g.unary("Abs", g.sub(x, 1)), g.square(g.binary("Max", x, 0)));
  const at = (value: number) => new Map([[x, tensor("float32", [1], [value])]]);
  const held = holdDecisions(g, [y], [x]);
  const decided = evaluateGraph(graphOf([x], held.decisions), at(2));
  const fixed = new Map(held.inputs.map((input, i) => [input, decided[i]!]));
  const along = (value: number): number =>
    evaluateGraph(graphOf([x, ...held.inputs], held.outputs), new Map([...fixed, ...at(value)]))[0]!.data[0]!;
  for (const value of [2, 3, 0.5, -1]) expect(along(value)).toBeCloseTo(value - 1 + value ** 2, 12);
});

test("pooling and selection keep their places", () => {
  const g = new GraphBuilder(evaluateOp);
  const x = g.input("x", "float32", [1, 1, 4]);
  const attrs = { kernel: [2], strides: [2], pads: [0, 0], dilations: [1], spatial: [2] };
  const largest = g.op("ReduceMax", [g.op("MaxPool", [x], attrs)], { axes: [2], keepdims: false });
  const held = holdDecisions(g, [largest], [x]);
  const at = (values: readonly number[]) => new Map([[x, tensor("float32", [1, 1, 4], values)]]);
  const decided = evaluateGraph(graphOf([x], held.decisions), at([1, 2, 4, 3]));
  const fixed = new Map(held.inputs.map((input, i) => [input, decided[i]!]));
  const [y] = evaluateGraph(graphOf([x, ...held.inputs], held.outputs), new Map([...fixed, ...at([9, 8, 7, 10])]));
  expect(Array.from(y!.data)).toEqual([7]);
});

test("a program without kinks has no decisions and stays as it is", () => {
  const g = new GraphBuilder(evaluateOp);
  const x = g.input("x", "float32", [2]);
  const y = g.unary("Tanh", x);
  expect(holdDecisions(g, [y], [x])).toEqual({ decisions: [], inputs: [], outputs: [y] });
});
