/** What is decided where no derivative exists: at kinks, ties, masks and singular points, as PyTorch and JAX decide. */
import { describe, expect, it } from "vitest";
import { evaluateGraph } from "../../engine/reference/interpreter.ts";
import { evaluateOp } from "../../engine/reference/kernels.ts";
import { GraphBuilder } from "../../ir/builder.ts";
import type { InputValue, Value } from "../../ir/graph.ts";
import { tensor } from "../../ir/tensor.ts";
import { expectClose } from "../../testing/expectClose.ts";
import { pushForward } from "../linearize.ts";
import { gradient } from "../pullBack.ts";

interface Kink {
  readonly emit: (g: GraphBuilder, x: Value) => Value;
  readonly at: readonly number[];
  /** Gradient of the sum of the outputs, each times 1, 2, 4, …, so that it shows which output went where. */
  readonly gradient: readonly number[];
}

const infinity = Number.POSITIVE_INFINITY;
const firstTwo = (g: GraphBuilder, x: Value): [Value, Value] => [g.narrow(x, 0, 0, 2), g.narrow(x, 0, 2, 2)];
const extreme =
  (op: "ReduceMax" | "ReduceMin"): Kink["emit"] =>
  (g, x) =>
    g.op(op, [x], { axes: [0], keepdims: false });
const pair =
  (op: "Max" | "Min"): Kink["emit"] =>
  (g, x) =>
    g.binary(op, ...firstTwo(g, x));
const pool: Kink["emit"] = (g, x) =>
  g.op("MaxPool", [g.reshape(x, [1, 1, x.shape[0] ?? 0])], {
    kernel: [2],
    strides: [1],
    pads: [0, 0],
    dilations: [1],
    spatial: [(x.shape[0] ?? 0) - 1],
  });
const topTwo: Kink["emit"] = (g, x) =>
  g.op("GatherElements", [x, g.op("TopKIndex", [x], { axis: 0, k: 2, largest: true })], { axis: 0 });

/** Where the mask is 1, −∞ stands in place of x. */
const masked = (g: GraphBuilder, x: Value, mask: readonly number[]): Value =>
  g.where(g.constantTensor(tensor("bool", [mask.length], mask)), -infinity, x);

const third = 1 / 3;

const kinks: Readonly<Record<string, Kink>> = {
  "Relu is flat at 0": { emit: (g, x) => g.unary("Relu", x), at: [0, -0, 1], gradient: [0, 0, 4] },
  "Abs is flat at 0": { emit: (g, x) => g.unary("Abs", x), at: [0, -0, -1], gradient: [0, 0, -4] },
  "Sign and the roundings are flat at their jumps": {
    emit: (g, x) =>
      g.concat(
        (["Sign", "Floor", "Ceil", "Round"] as const).map((op) => g.unary(op, x)),
        0,
      ),
    at: [0, 1, 0.5],
    gradient: [0, 0, 0],
  },
  "Max gives a tie to its first operand": { emit: pair("Max"), at: [3, 1, 3, 2], gradient: [1, 0, 0, 2] },
  "Min gives a tie to its first operand": { emit: pair("Min"), at: [3, 1, 3, 2], gradient: [1, 2, 0, 0] },
  "Max of a value with itself has slope 1": { emit: (g, x) => g.binary("Max", x, x), at: [2], gradient: [1] },
  "ReduceMax takes the first of equals": { emit: extreme("ReduceMax"), at: [1, 3, 3], gradient: [0, 1, 0] },
  "ReduceMin takes the first of equals": { emit: extreme("ReduceMin"), at: [2, 1, 1, 1], gradient: [0, 1, 0, 0] },
  "MaxPool takes the first of equals, window by window": { emit: pool, at: [3, 3, 3, 1], gradient: [1, 2, 4, 0] },
  "TopK orders equals by index": { emit: topTwo, at: [1, 3, 3, 3], gradient: [0, 1, 2, 0] },
  "a square has slope 0 at 0": { emit: (g, x) => g.pow(x, 2), at: [0], gradient: [0] },
  "x⁰ has slope 0, at 0 too": { emit: (g, x) => g.pow(x, 0), at: [0, 2], gradient: [0, 0] },
  "0^p has the slopes of its base and none in p": {
    emit: (g, x) => g.pow(...firstTwo(g, x)),
    at: [0, 0, 1, 2],
    gradient: [1, 0, 0, 0],
  },
  "0⁰ with a varying exponent has slope 0": {
    emit: (g, x) => g.pow(...firstTwo(g, x)),
    at: [0, 2, 0, 0],
    gradient: [0, 0, 0, 2 * Math.log(2)],
  },
  "ReduceProd is exact where factors are 0": {
    emit: (g, x) => g.op("ReduceProd", [g.reshape(x, [2, 3])], { axes: [1], keepdims: false }),
    at: [0, 2, 3, 0, 5, 0],
    gradient: [6, 0, 0, 0, 0, 0],
  },
  "what a mask replaced has slope 0": {
    emit: (g, x) => g.unary("Exp", masked(g, x, [1, 0])),
    at: [1, 0],
    gradient: [0, 2],
  },
  "a masked Softmax gives its mask nothing": {
    emit: (g, x) => g.op("Softmax", [masked(g, x, [0, 1, 0])], { axis: 0 }),
    at: [0, 7, 0],
    gradient: [0.5 * (1 - 2.5), 0, 0.5 * (4 - 2.5)],
  },
  "a Softmax of given −∞ is finite": {
    emit: (g, x) => g.op("Softmax", [x], { axis: 0 }),
    at: [-infinity, 0, 0],
    gradient: [0, 0.5 * (2 - 3), 0.5 * (4 - 3)],
  },
  "a masked LogSoftmax is finite where it is used": {
    emit: (g, x) => g.narrow(g.op("LogSoftmax", [masked(g, x, [0, 1, 0])], { axis: 0 }), 0, 0, 1),
    at: [0, 7, 0],
    gradient: [0.5, 0, -0.5],
  },
  "Softplus and Sigmoid do not overflow": {
    emit: (g, x) => g.concat([g.unary("Softplus", x), g.unary("Sigmoid", x)], 0),
    at: [800, -800],
    gradient: [1, 0],
  },
  "equal entries share a Softmax": {
    emit: (g, x) => g.narrow(g.op("Softmax", [x], { axis: 0 }), 0, 0, 1),
    at: [5, 5, 5],
    gradient: [third - third * third, -third * third, -third * third],
  },
};

/** Σ 2ᵏ f(x)ₖ as a scalar, and x. */
function weighted(g: GraphBuilder, { emit, at }: Kink): { value: Value; x: InputValue } {
  const x = g.input("x", "float64", [at.length]);
  const y = emit(g, x);
  const flat = g.reshape(y, [y.shape.reduce((n, d) => n * d, 1)]);
  const weights = tensor(
    "float64",
    flat.shape,
    Array.from({ length: flat.shape[0] ?? 0 }, (_, k) => 2 ** k),
  );
  return { value: g.total(g.mul(g.constantTensor(weights), flat)), x };
}

describe("kinks, ties and masks", () => {
  it.each(Object.entries(kinks))("%s", (_, kink) => {
    const g = new GraphBuilder(evaluateOp);
    const { value, x } = weighted(g, kink);
    const u = g.input("u", "float64", x.shape);
    const at = tensor("float64", x.shape, kink.at);
    const along = tensor(
      "float64",
      x.shape,
      kink.at.map((_, i) => 1 + i / 3),
    );
    const [slopes] = gradient(g, value, [x]);
    const [pushed] = pushForward(g, [value], new Map([[x, u]]));
    const reverse = slopes ?? g.constant(0, "float64");
    const forward = pushed ?? g.constant(0, "float64");
    const seconds = [gradient(g, g.total(g.mul(reverse, u)), [x]), gradient(g, forward, [x])].flat();
    const feeds = new Map([
      [x, at],
      [u, along],
    ]);
    const [byReverse, byForward, ...second] = evaluateGraph(g.build([x, u], [reverse, forward, ...seconds]), feeds);

    expectClose(byReverse?.data ?? [], kink.gradient, "reverse mode");
    const expected = kink.gradient.reduce((sum, d, i) => sum + d * (along.data[i] ?? 0), 0);
    expectClose(byForward?.data ?? [], [expected], "forward mode");
    expect(second.flatMap(({ data }) => Array.from(data)).every(Number.isFinite), "second derivatives are finite").toBe(
      true,
    );
  });
});
