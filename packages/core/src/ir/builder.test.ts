import { describe, expect, it } from "vitest";
import { evaluateGraph } from "../engine/reference/interpreter.ts";
import { evaluateOp } from "../engine/reference/kernels.ts";
import { float } from "../testing/nested.ts";
import { GraphBuilder } from "./builder.ts";
import { tensor } from "./tensor.ts";

/** A builder that folds, and two inputs. */
function start(): { g: GraphBuilder; x: ReturnType<GraphBuilder["input"]>; w: ReturnType<GraphBuilder["input"]> } {
  const g = new GraphBuilder(evaluateOp);
  return { g, x: g.input("x", "float32", [2, 3]), w: g.input("w", "float32", [2, 3]) };
}

describe("what was made before", () => {
  it("is returned again: equal nodes are one object", () => {
    const { g, x, w } = start();
    expect(g.mul(g.unary("Exp", x), w)).toBe(g.mul(g.unary("Exp", x), w));
    expect(g.sum(x, [1, 0])).toBe(g.sum(x, [0, 1]));
    expect(g.pad(x, [0, 1], [0, 0])).toBe(g.pad(x, [0, 1], [0, 0]));
  });

  it("is told apart by operator, operands, their order and attributes", () => {
    const { g, x, w } = start();
    const nodes = [
      g.sub(x, w),
      g.sub(w, x),
      g.add(x, w),
      g.sum(x, [0]),
      g.sum(x, [1]),
      g.sum(x, [0], true),
      g.pad(x, [0, 1], [0, 0], 1),
      g.pad(x, [0, 1], [0, 0], 2),
      g.slice(x, [0, 0], [1, 2]),
      g.slice(x, [0, 1], [1, 2]),
    ];
    expect(new Set(nodes).size).toBe(nodes.length);
  });

  it("is not an input: two inputs of one name are two", () => {
    const { g, x } = start();
    expect(g.input("x", "float32", [2, 3])).not.toBe(x);
    expect(g.neg(g.input("x", "float32", [2, 3]))).not.toBe(g.neg(x));
  });

  it("knows small constants by value, −0, NaN and dtype included, and large ones by identity", () => {
    const { g } = start();
    expect(g.constant(1)).toBe(g.constant(1));
    expect(g.constant(Number.NaN)).toBe(g.constant(Number.NaN));
    expect(g.constant(0)).not.toBe(g.constant(-0));
    expect(g.constant(1)).not.toBe(g.constant(1, "float64"));
    expect(g.ints([1, 2])).not.toBe(g.ints([1, 2], [2, 1]));
    const long = (): Float64Array => new Float64Array(65);
    const data = long();
    expect(g.constantTensor(tensor("float32", [65], data))).toBe(g.constantTensor(tensor("float32", [65], data)));
    expect(g.constantTensor(tensor("float32", [65], data))).not.toBe(g.constantTensor(tensor("float32", [65], long())));
  });
});

describe("folding", () => {
  it("computes what depends on constants alone", () => {
    const { g } = start();
    const y = g.matmul(g.constantTensor(float("[[1, 2]]")), g.constantTensor(float("[[3], [4]]")));
    expect(y).toMatchObject({ op: "Constant", attrs: { value: float("[[11]]") } });
    expect(g.fill(0.5, "float32", [2])).toMatchObject({ op: "Constant", attrs: { value: float([0.5, 0.5]) } });
  });

  it("leaves alone what depends on an input, and everything if it has no kernels", () => {
    const { g, x } = start();
    expect(g.mul(x, g.add(1, 1)).inputs[1]).toMatchObject({ op: "Constant", attrs: { value: float(2) } });
    const plain = new GraphBuilder();
    expect(plain.unary("Exp", plain.constant(1)).op).toBe("Exp");
  });

  it("does not store large results that are cheap to make, unless an operand is as large", () => {
    const { g } = start();
    const large = g.fill(2, "float32", [5000]);
    expect(large.op).toBe("Expand");
    expect(g.mul(large, 3).op).toBe("Mul");
    const stored = g.constantTensor(tensor("float32", [5000], new Float64Array(5000).fill(2)));
    expect(g.mul(stored, 3).op).toBe("Constant");
  });
});

describe("build", () => {
  it("keeps what the outputs need, operands first, and every input of the signature", () => {
    const { g, x, w } = start();
    const [needed, unneeded] = [g.unary("Exp", x), g.unary("Sin", x)];
    const y = g.add(needed, x);
    const graph = g.build([x, w], [y, needed]);
    expect(graph).toEqual({ inputs: [x, w], nodes: [needed, y], outputs: [y, needed] });
    expect(graph.nodes).not.toContain(unneeded);
  });

  it("refuses an input that is not in the signature", () => {
    const { g, x, w } = start();
    expect(() => g.build([x], [g.add(x, w)])).toThrow('internal: the graph needs the input "w"');
  });
});

describe("origins", () => {
  it("mark the nodes made inside, the innermost first, and end where they end", () => {
    const { g, x } = start();
    const [outer, inner] = [
      { node: "/a", opType: "Gelu" },
      { node: "/b", opType: "Erf" },
    ];
    const [first, second, third] = g.from(outer, () => [
      g.unary("Exp", x),
      g.from(inner, () => g.unary("Erf", x)),
      g.from(undefined, () => g.unary("Sin", x)),
    ]);
    expect([first, second, third].map((v) => v?.origin)).toEqual([outer, inner, outer]);
    expect(() => g.from(outer, () => g.matmul(x, x))).toThrow();
    expect(g.unary("Cos", x).origin).toBeUndefined();
  });

  it("stand in the message when a node cannot be made", () => {
    const { g, x } = start();
    const make = (): unknown => g.from({ node: "/fc1/MatMul", opType: "Gemm" }, () => g.matmul(x, x));
    expect(make).toThrowErrorMatchingInlineSnapshot(`
      [MismatchError: Cannot multiply matrices as the inner lengths differ
        at        Gemm "/fc1/MatMul"
        expected  [2, 3]
        found     [2, 3]]
    `);
    expect(() => g.add(x, g.constant(1, "float64"))).toThrowErrorMatchingInlineSnapshot(`
      [MismatchError: Cannot combine values as their dtypes differ
        expected  float32
        found     float64]
    `);
  });
});

describe("shorthands", () => {
  const cases = {
    "mean over an axis": [(g, x) => g.mean(x, [1]), [2, 5]],
    total: [(g, x) => g.total(x), [21]],
    square: [(g, x) => g.square(x), [1, 4, 9, 16, 25, 36]],
    "narrow an axis": [(g, x) => g.narrow(x, 1, 1, 2), [2, 3, 5, 6]],
    "unbroadcast a column": [(g, x) => g.unbroadcast(x, [2, 1]), [6, 15]],
    "unbroadcast a row of lower rank": [(g, x) => g.unbroadcast(x, [3]), [5, 7, 9]],
    "unbroadcast a scalar": [(g, x) => g.unbroadcast(x, []), [21]],
    "numbers beside values": [(g, x) => g.sub(1, g.div(x, 2)), [0.5, 0, -0.5, -1, -1.5, -2]],
    "choose by a condition": [(g, x) => g.where(g.greater(x, 3), x, 0), [0, 0, 0, 4, 5, 6]],
  } satisfies Record<string, readonly [(g: GraphBuilder, x: ReturnType<GraphBuilder["neg"]>) => unknown, number[]]>;

  it.each(Object.entries(cases))("%s", (_, [emit, expected]) => {
    const { g, x } = start();
    const [y] = evaluateGraph(g.build([x], [emit(g, x)]), new Map([[x, float("[[1, 2, 3], [4, 5, 6]]")]]));
    expect(Array.from(y?.data ?? [])).toEqual(expected);
  });
});
