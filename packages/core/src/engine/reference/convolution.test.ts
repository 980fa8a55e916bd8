/**
 * Convolution against its definition, and its transposes against the identity that defines them,
 *
 *     ⟨z, Conv(x, w)⟩ = ⟨x, ConvInputGrad(z, w)⟩ = ⟨w, ConvWeightGrad(x, z)⟩.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type InferRule, infer, windowCount } from "../../ir/infer.ts";
import type { AttrsOf, ConvAttrs, OpType } from "../../ir/ops.ts";
import { type Shape, sizeOf } from "../../ir/shape.ts";
import type { Tensor } from "../../ir/tensor.ts";
import { evaluateOp } from "./kernels.ts";

interface Case {
  readonly x: Shape;
  readonly w: Shape;
  readonly attrs: ConvAttrs;
}

/** Shapes and attributes of convolutions in one to three dimensions, whose outputs have elements. */
const cases: fc.Arbitrary<Case> = fc
  .record({
    axes: fc.array(
      fc.record({
        length: fc.integer({ min: 1, max: 6 }),
        kernel: fc.integer({ min: 1, max: 3 }),
        stride: fc.integer({ min: 1, max: 3 }),
        dilation: fc.integer({ min: 1, max: 2 }),
        begin: fc.integer({ min: 0, max: 3 }),
        end: fc.integer({ min: 0, max: 3 }),
      }),
      { minLength: 1, maxLength: 3 },
    ),
    batch: fc.integer({ min: 1, max: 2 }),
    group: fc.integer({ min: 1, max: 3 }),
    inputs: fc.integer({ min: 1, max: 2 }),
    outputs: fc.integer({ min: 1, max: 2 }),
  })
  .filter(({ axes }) => axes.every((a) => windowCount(a.length, a.kernel, a.stride, a.dilation, a.begin + a.end) > 0))
  .map(({ axes, batch, group, inputs, outputs }) => ({
    x: [batch, group * inputs, ...axes.map((a) => a.length)],
    w: [group * outputs, inputs, ...axes.map((a) => a.kernel)],
    attrs: {
      strides: axes.map((a) => a.stride),
      dilations: axes.map((a) => a.dilation),
      pads: [...axes.map((a) => a.begin), ...axes.map((a) => a.end)],
      group,
    },
  }));

/** Numbers without pattern, the same for the same salt. */
function fill(shape: Shape, salt: number): Tensor {
  const data = Float64Array.from({ length: sizeOf(shape) }, (_, i) => Math.sin(12.9898 * (i + 1) + 78.233 * salt) * 2);
  return { dtype: "float64", shape, data };
}

function run<Op extends OpType>(op: Op, inputs: readonly Tensor[], attrs: AttrsOf<Op>): Tensor {
  const out = (infer[op] as unknown as InferRule<Op>)(inputs, attrs);
  return evaluateOp(op, inputs, attrs as AttrsOf<OpType>, out);
}

/** All indices of a shape, row-major. */
function indices(shape: Shape): number[][] {
  return shape.reduce<number[][]>(
    (found, length) => found.flatMap((index) => Array.from({ length }, (_, i) => [...index, i])),
    [[]],
  );
}

/** An element by its index, 0 outside. */
function element({ shape, data }: Tensor, index: readonly number[]): number {
  if (index.some((i, axis) => i < 0 || i >= shape[axis]!)) return 0;
  return data[index.reduce((at, i, axis) => at * shape[axis]! + i, 0)]!;
}

/** y[n, o, p] = Σ_{c, k} w[o, c, k] x[n, c of o's group, p·stride − pad + k·dilation], word for word. */
function byDefinition(x: Tensor, w: Tensor, { strides, pads, dilations, group }: ConvAttrs, shape: Shape): number[] {
  const perGroup = w.shape[0]! / group;
  return indices(shape).map(([n, o, ...p]) =>
    indices(w.shape.slice(1)).reduce((sum, [c, ...k]) => {
      const channel = Math.floor(o! / perGroup) * w.shape[1]! + c!;
      const at = p.map((i, axis) => i * strides[axis]! - pads[axis]! + k[axis]! * dilations[axis]!);
      return sum + element(w, [o!, c!, ...k]) * element(x, [n!, channel, ...at]);
    }, 0),
  );
}

function inner(a: Tensor, b: Tensor): number {
  expect(a.shape).toEqual(b.shape);
  return Array.from(a.data).reduce((sum, x, i) => sum + x * b.data[i]!, 0);
}

describe("convolution", () => {
  it("is its definition", () => {
    fc.assert(
      fc.property(cases, ({ x, w, attrs }) => {
        const [input, kernel] = [fill(x, 1), fill(w, 2)];
        const y = run("Conv", [input, kernel], attrs);
        const expected = byDefinition(input, kernel, attrs, y.shape);
        for (const [i, value] of expected.entries()) expect(y.data[i]).toBeCloseTo(value, 10);
      }),
      { numRuns: 200, seed: 1 },
    );
  });

  it("has exact transposes in both operands", () => {
    fc.assert(
      fc.property(cases, ({ x, w, attrs }) => {
        const [input, kernel] = [fill(x, 1), fill(w, 2)];
        const y = run("Conv", [input, kernel], attrs);
        const z = fill(y.shape, 3);
        const dx = run("ConvInputGrad", [z, kernel], { ...attrs, spatial: x.slice(2) });
        const dw = run("ConvWeightGrad", [input, z], { ...attrs, kernel: w.slice(2) });
        expect(inner(dx, input)).toBeCloseTo(inner(z, y), 8);
        expect(inner(dw, kernel)).toBeCloseTo(inner(z, y), 8);
      }),
      { numRuns: 200, seed: 2 },
    );
  });
});
