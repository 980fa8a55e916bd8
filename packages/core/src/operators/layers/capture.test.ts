import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { pullBack } from "../../autodiff/pullBack.ts";
import { dense } from "../../autodiff/rule.ts";
import { readCase } from "../../conformance/case.ts";
import { evaluateGraph } from "../../engine/reference/interpreter.ts";
import { evaluateOp } from "../../engine/reference/kernels.ts";
import { GraphBuilder, graphOf } from "../../ir/builder.ts";
import { type InputValue, reachable, type Value } from "../../ir/graph.ts";
import { sizeOf } from "../../ir/shape.ts";
import type { Tensor } from "../../ir/tensor.ts";
import { randomStream } from "../../random/random.ts";
import { expectClose } from "../../testing/expectClose.ts";
import { type Binding, bindProblem } from "../binding.ts";
import { parameterSpace } from "../parameterSpace.ts";
import { captureLayers } from "./capture.ts";
import type { Layer } from "./layer.ts";

/** ∂⟨ct, f⟩/∂parameter from a layer's two sides: Σ_uses Σ_s g aᵀ, put back into the parameter's own order. */
function fromSides(binding: Binding, layer: Layer, ct: Value): Value[] {
  const { g } = binding;
  const taps = layer.uses.map((use) => use.tap);
  const pulled = pullBack(g, [binding.prediction], [ct], taps);
  return layer.uses.map((use, i) => {
    const vectors = use.gradient(g, dense(g, pulled[i], use.tap)); // [B, S, G, out]
    const rows = (x: Value): Value =>
      g.transpose(g.reshape(x, [sizeOf(x.shape.slice(0, 2)), ...x.shape.slice(2)]), [1, 0, 2]);
    if (layer.kind === "vector") return g.reshape(g.sum(vectors, [0, 1]), [layer.out]);
    if (use.input) return g.matmul(g.transpose(rows(vectors)), rows(use.input));
    const counting = g.cast(g.ints(Array.from({ length: layer.in }, (_, v) => v)), use.index!.dtype);
    const oneHot = g.cast(g.equal(g.unsqueeze(use.index!, 2), counting), vectors.dtype);
    return g.matmul(g.transpose(rows(vectors)), rows(g.unsqueeze(oneHot, 2)));
  });
}

/** Every layer's sides give the gradient that autodiff gives, for random data and a random cotangent. */
function checkLayers(binding: Binding, feeds: ReadonlyMap<Value, Tensor>, space: { readonly count: number }): void {
  const { g, prediction, parameters } = binding;
  const layers = captureLayers(binding);
  const covered = layers.flatMap((layer) => [layer.parameter, ...(layer.bias === undefined ? [] : [layer.bias])]);
  expect(
    [...covered].sort((a, b) => a - b),
    "every parameter belongs to one layer",
  ).toEqual(Array.from({ length: space.count }, (_, i) => i));
  const stream = randomStream(2, "cotangent");
  const ct = g.constantTensor({
    dtype: prediction.dtype,
    shape: prediction.shape,
    data: Float64Array.from({ length: sizeOf(prediction.shape) }, () => stream.normal()),
  });
  const run = (outputs: readonly Value[]): Tensor[] => {
    const inputs = reachable(outputs).filter((v): v is InputValue => v.op === "Input");
    return evaluateGraph(graphOf(inputs, outputs), feeds);
  };
  const truth = run(pullBack(g, [prediction], [ct], parameters).map((d, i) => dense(g, d, parameters[i]!)));
  for (const layer of layers) {
    const total = run(fromSides(binding, layer, ct)).reduce(
      (sum, { data }) => sum.map((x, k) => x + data[k]!),
      new Float64Array(layer.groups * layer.out * layer.in),
    );
    const own = truth[layer.parameter]!.data;
    const expected = Float64Array.from(total, (_, k) => own[layer.index ? layer.index[k]! : k]!);
    expectClose(total, expected, `layer ${layer.name}`);
  }
}

/** Standard normal values. */
function drawn(inputs: readonly InputValue[]): Map<Value, Tensor> {
  const stream = randomStream(5, "rows");
  return new Map(
    inputs.map(({ dtype, shape }, i) => [
      inputs[i]!,
      { dtype, shape, data: Float64Array.from({ length: sizeOf(shape) }, () => stream.normal()) },
    ]),
  );
}

/** Sides restricted to a row make up the gradient of that row's outputs alone. */
function checkRows(binding: Binding, feeds: ReadonlyMap<Value, Tensor>): void {
  const { g, prediction, rows } = binding;
  for (const layer of captureLayers(binding)) {
    for (let row = 0; row < rows; row++) {
      const of = (kept: (n: number) => boolean, shape: readonly number[]): Value =>
        g.constantTensor({
          dtype: "float64",
          shape,
          data: Float64Array.from({ length: rows }, (_, n) => Number(kept(n))),
        });
      const column = [rows, ...prediction.shape.slice(1).map(() => 1)];
      const seed = (kept: (n: number) => boolean): Value => g.expand(of(kept, column), prediction.shape);
      const one = layer.uses.map((use) => {
        const slope = dense(g, pullBack(g, [prediction], [seed((n) => n === row)], [use.tap])[0], use.tap);
        const all = dense(g, pullBack(g, [prediction], [seed(() => true)], [use.tap])[0], use.tap);
        const masked = g.mul(
          use.gradient(g, all),
          of((n) => n === row, [rows, 1, 1, 1]),
        );
        return g.total(g.square(g.sub(use.gradient(g, slope), masked)));
      });
      const inputs = reachable(one).filter((v): v is InputValue => v.op === "Input");
      for (const difference of evaluateGraph(graphOf(inputs, one), feeds)) {
        expectClose(difference.data, [0], `row ${row} of layer ${layer.name}`);
      }
    }
  }
}

describe("layers of the conformance models", () => {
  const folder = fileURLToPath(new URL("../../../testdata/conformance/", import.meta.url));
  const cases = readdirSync(folder).filter((name) => !name.includes("."));

  it.each(cases)("%s: inputs and output gradients make up every gradient", async (name) => {
    const { model, data, loss } = await readCase(`${folder}/${name}`, { exact: true });
    const chosen = [...model.initializers.values()].filter(
      (i) => i.dtype === "float32" && !/running_/.test(i.name) && i.shape.length > 0,
    );
    const space = parameterSpace(chosen.map(({ name: n, shape }) => ({ name: n, shape, dtype: "float32" as const })));
    for await (const batch of data.batches()) {
      const shapes = Object.fromEntries(Object.entries(batch.inputs).map(([n, x]) => [n, x.shape]));
      const binding = bindProblem({ model, space, output: model.outputs[0]!.name, loss }, shapes);
      const feeds = new Map<Value, Tensor>();
      for (const [n, input] of binding.inputs) feeds.set(input, batch.inputs[n]!);
      binding.parameters.forEach((p, i) => feeds.set(p, chosen[i]!.read()));
      checkLayers(binding, feeds, { count: chosen.length });
    }
  });
});

describe("layers of other kinds", () => {
  /** f(x; parameters) with random values for everything. */
  function check(
    shapes: { readonly x: readonly number[]; readonly parameters: Readonly<Record<string, readonly number[]>> },
    f: (g: GraphBuilder, x: Value, parameters: readonly Value[]) => Value,
    index = false,
  ): void {
    const g = new GraphBuilder(evaluateOp);
    const stream = randomStream(1, "layers");
    const x = g.input("x", index ? "int64" : "float64", shapes.x);
    const parameters = Object.entries(shapes.parameters).map(([name, shape]) => g.input(name, "float64", shape));
    const prediction = f(g, x, parameters);
    const draw = (value: Value): Tensor => ({
      dtype: value.dtype,
      shape: value.shape,
      data: Float64Array.from({ length: sizeOf(value.shape) }, () =>
        value.dtype === "int64" ? stream.integer(3) : stream.normal(),
      ),
    });
    const feeds = new Map<Value, Tensor>([x, ...parameters].map((v) => [v, draw(v)]));
    const binding = {
      g,
      rows: shapes.x[0]!,
      inputs: new Map([["x", x]]),
      parameters,
      prediction,
    } as unknown as Binding;
    checkLayers(binding, feeds, { count: parameters.length });
  }

  const ones = { strides: [1, 1], pads: [0, 0, 0, 0], dilations: [1, 1], group: 1 };

  it("a transposed convolution with groups, stride and padding", () => {
    check({ x: [2, 4, 3, 3], parameters: { w: [4, 3, 3, 2] } }, (g, x, [w]) =>
      g.op("ConvInputGrad", [x, w!], {
        strides: [2, 1],
        pads: [1, 0, 0, 0],
        dilations: [1, 1],
        group: 2,
        spatial: [6, 4],
      }),
    );
  });

  it("convolutions in one and three dimensions, grouped and dilated", () => {
    check({ x: [2, 4, 9], parameters: { w: [6, 2, 3], b: [6] } }, (g, x, [w, b]) =>
      g.add(g.conv(x, w!, { strides: [2], pads: [1, 1], dilations: [2], group: 2 }), g.reshape(b!, [1, 6, 1])),
    );
    check({ x: [2, 2, 3, 4, 3], parameters: { w: [3, 2, 2, 2, 2] } }, (g, x, [w]) =>
      g.conv(x, w!, { strides: [1, 1, 1], pads: [0, 0, 0, 1, 1, 1], dilations: [1, 1, 1], group: 1 }),
    );
  });

  it("a weight on the left of its data, and one stored as [in, out]", () => {
    check({ x: [2, 3, 4], parameters: { w: [5, 3] } }, (g, x, [w]) => g.matmul(w!, x));
    check({ x: [2, 3, 4], parameters: { w: [4, 5], b: [5] } }, (g, x, [w, b]) => g.add(g.matmul(x, w!), b!));
  });

  it("a table looked up by data, and one of positions that all rows share", () => {
    check(
      { x: [2, 4], parameters: { words: [3, 5], places: [4, 5] } },
      (g, x, [words, places]) =>
        g.unary("Tanh", g.add(g.gather(words!, x, 0), g.gather(places!, g.ints([0, 1, 2, 3]), 0))),
      true,
    );
  });

  it("scale and shift over the last axis and over channels, shared by every position", () => {
    check({ x: [2, 3, 4], parameters: { scale: [4], shift: [4] } }, (g, x, [scale, shift]) =>
      g.unary("Tanh", g.add(g.mul(x, scale!), shift!)),
    );
    check({ x: [2, 3, 4], parameters: { scale: [3], shift: [3] } }, (g, x, [scale, shift]) =>
      g.add(g.mul(g.unary("Tanh", x), g.reshape(scale!, [1, 3, 1])), g.reshape(shift!, [1, 3, 1])),
    );
  });

  it("scale and shift over several axes, beside a batch and positions", () => {
    check({ x: [2, 5, 3, 4], parameters: { scale: [3, 4], shift: [1, 3, 4] } }, (g, x, [scale, shift]) =>
      g.unary("Tanh", g.add(g.mul(x, scale!), shift!)),
    );
    check({ x: [2, 3, 5, 4], parameters: { shift: [12] } }, (g, x, [shift]) =>
      g.unary("Tanh", g.add(x, g.reshape(shift!, [1, 3, 1, 4]))),
    );
  });

  it("a layer below another, whose gradient passes through it", () => {
    check({ x: [3, 2, 5, 5], parameters: { w: [4, 2, 2, 2], v: [2, 16 * 4] } }, (g, x, [w, v]) => {
      const hidden = g.unary("Tanh", g.conv(x, w!, ones));
      return g.matmul(g.reshape(hidden, [3, 64]), g.transpose(v!));
    });
  });

  it("rows that lie after positions, as in time-major models, are told apart, of equal length too", () => {
    for (const time of [2, 3, 5]) {
      const g = new GraphBuilder(evaluateOp);
      const x = g.input("x", "float64", [3, time, 4]);
      const words = g.input("words", "float64", [7, 4]);
      const [w, b, scale] = [
        g.input("w", "float64", [4, 6]),
        g.input("b", "float64", [6]),
        g.input("s", "float64", [6]),
      ];
      const ids = g.cast(g.unary("Abs", g.unary("Sign", g.reshape(g.narrow(x, 2, 0, 1), [3, time]))), "int64");
      const first = (v: Value): Value => g.transpose(v, v.shape.length === 3 ? [1, 0, 2] : [1, 0]);
      const rows = g.add(first(x), g.gather(words, first(ids), 0)); // [time, rows, 4]
      const flat = g.matmul(g.reshape(rows, [time * 3, 4]), w);
      const hidden = g.unary("Tanh", g.reshape(g.mul(g.add(flat, b), scale), [time, 3, 6]));
      const binding = {
        g,
        rows: 3,
        inputs: new Map([["x", x]]),
        parameters: [words, w, b, scale],
        prediction: g.sum(hidden, [0]),
      } as unknown as Binding;
      const feeds = drawn([x, words, w, b, scale]);
      checkLayers(binding, feeds, { count: 4 });
      checkRows(binding, feeds);
    }
  });

  it("says which parameter is used in no known way", () => {
    const g = new GraphBuilder(evaluateOp);
    const x = g.input("x", "float64", [2, 3]);
    const w = g.input("w", "float64", [3]);
    const binding = {
      g,
      rows: 2,
      inputs: new Map([["x", x]]),
      parameters: [w],
      prediction: g.pow(x, w),
    } as unknown as Binding;
    expect(() => captureLayers(binding)).toThrowErrorMatchingInlineSnapshot(`
      [UnsupportedModelError: Cannot find the layer of a parameter as it is used in no known way
        at        parameter "w"
        found     Pow
        try       leave the parameter out of the selection, or use an operator that needs no layers (ggn, hessian)]
    `);
  });
});
