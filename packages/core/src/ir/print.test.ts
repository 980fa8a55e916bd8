import { describe, expect, it } from "vitest";
import { gradient } from "../autodiff/pullBack.ts";
import { evaluateOp } from "../engine/reference/kernels.ts";
import { GraphBuilder } from "./builder.ts";
import { print } from "./print.ts";

describe("print", () => {
  it("shows a loss and its gradient, in which the forward pass stands once", () => {
    const g = new GraphBuilder(evaluateOp);
    const x = g.input("x", "float32", [4, 3]);
    const [w, b] = [g.input("w", "float32", [3, 2]), g.input("b", "float32", [2])];
    const loss = g.total(g.square(g.unary("Tanh", g.add(g.matmul(x, w), b))));
    const text = print(g.build([x, w, b], [loss, ...gradient(g, loss, [w, b])]));
    expect(text).toMatchInlineSnapshot(`
      "(float32[4, 3] x, float32[3, 2] w, float32[2] b) => (float32[] reduceSum, float32[3, 2] matMul_1, float32[2] reduceSum_1) {
        matMul = MatMul(x, w)
        add = Add(matMul, b)
        tanh = Tanh(add)
        mul = Mul(tanh, tanh)
        reduceSum = ReduceSum <axes=[0, 1], keepdims=false>(mul)
        constant = Constant <value=1>()
        sub = Sub(constant, mul)
        constant_1 = Constant <value=float32[4, 2] {2, 2, 2, 2, 2, 2, 2, 2}>()
        mul_1 = Mul(constant_1, tanh)
        mul_2 = Mul(mul_1, sub)
        reduceSum_1 = ReduceSum <axes=[0], keepdims=false>(mul_2)
        transpose = Transpose <perm=[1, 0]>(x)
        matMul_1 = MatMul(transpose, mul_2)
      }"
    `);
    expect(text.match(/Tanh\(/g)).toHaveLength(1);
  });

  it("shortens long constants and shows attributes", () => {
    const g = new GraphBuilder();
    const x = g.input("x", "float32", [2, 10]);
    const ramp = g.ints(Array.from({ length: 10 }, (_, i) => i));
    const graph = g.build([x], [g.mul(g.pad(x, [0, 0], [0, 0], 1), 2), g.gather(g.transpose(x), ramp, 0)]);
    expect(print(graph)).toMatchInlineSnapshot(`
      "(float32[2, 10] x) => (float32[2, 10] mul, float32[10, 2] gather) {
        constant = Constant <value=int64[10] {0, 1, 2, 3, 4, 5, 6, 7, …}>()
        constant_1 = Constant <value=2>()
        mul = Mul(x, constant_1)
        transpose = Transpose <perm=[1, 0]>(x)
        gather = Gather <axis=0>(transpose, constant)
      }"
    `);
  });
});
