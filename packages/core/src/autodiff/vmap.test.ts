import { describe, expect, it } from "vitest";
import { evaluateGraph } from "../engine/reference/interpreter.ts";
import { evaluateOp } from "../engine/reference/kernels.ts";
import { GraphBuilder } from "../ir/builder.ts";
import { isFloat } from "../ir/dtype.ts";
import type { InputValue, Value } from "../ir/graph.ts";
import { sizeOf } from "../ir/shape.ts";
import { type Tensor, tensor } from "../ir/tensor.ts";
import { randomStream } from "../random/random.ts";
import { expectClose } from "../testing/expectClose.ts";
import { allSamples } from "../testing/operatorSamples.ts";
import { drawInputs, type Sample, sampleGraph } from "../testing/sample.ts";
import { gradient } from "./pullBack.ts";
import { vmap } from "./vmap.ts";

const copies = 3;

/** Every non-empty choice of some of `items`. */
function subsets<T>(items: readonly T[]): T[][] {
  return Array.from({ length: 2 ** items.length - 1 }, (_, bits) => items.filter((_, i) => ((bits + 1) >> i) & 1));
}

/** K tensors as one with a leading axis. */
function stack(tensors: readonly Tensor[]): Tensor {
  const [first] = tensors as [Tensor];
  return tensor(
    first.dtype,
    [tensors.length, ...first.shape],
    tensors.flatMap(({ data }) => Array.from(data)),
  );
}

/** A function and, for each copy, a value for each of its inputs. */
interface Copies {
  readonly g: GraphBuilder;
  readonly inputs: readonly InputValue[];
  readonly outputs: readonly Value[];
  readonly points: readonly ReadonlyMap<Value, Tensor>[];
}

/** vmap over `chosen` against one evaluation a copy, in which the inputs that were not chosen are those of copy 0. */
function checkVmap({ g, inputs, outputs, points }: Copies, chosen: readonly InputValue[]): void {
  const batched = new Map(chosen.map((x) => [x, g.input(`all_${x.name}`, x.dtype, [copies, ...x.shape])]));
  const at = (x: InputValue, copy: number): Tensor => points[batched.has(x) ? copy : 0]!.get(x)!;
  const all = vmap(g, outputs, batched, copies);
  const stacked = inputs.map(
    (x) => [batched.get(x) ?? x, batched.has(x) ? stack(points.map((p) => p.get(x)!)) : at(x, 0)] as const,
  );
  const together = evaluateGraph(
    g.build(
      stacked.map(([x]) => x),
      all,
    ),
    new Map(stacked),
  );

  for (let copy = 0; copy < copies; copy++) {
    const alone = evaluateGraph(g.build(inputs, outputs), new Map(inputs.map((x) => [x, at(x, copy)])));
    for (const [i, { shape, data }] of alone.entries()) {
      const found = together[i]!;
      expect(found.shape).toEqual([copies, ...shape]);
      const own = found.data.subarray(copy * sizeOf(shape), (copy + 1) * sizeOf(shape));
      expectClose(own, data, `output ${i} of copy ${copy}, batched over ${chosen.map((x) => x.name).join(", ")}`);
    }
  }
}

function copiesOf(sample: Sample, name: string): Copies & { readonly output: Value } {
  const g = new GraphBuilder(evaluateOp);
  const random = randomStream(11, name);
  const { inputs, output } = sampleGraph(g, sample);
  const draws = Array.from({ length: copies }, () => drawInputs(sample, random));
  return { g, inputs, output, outputs: [output], points: draws.map((d) => new Map(inputs.map((x, i) => [x, d[i]!]))) };
}

/** J(x)ᵀ c as a function of x and c. */
function derivativeOf(sample: Sample, name: string): Copies {
  const { g, inputs, output, points } = copiesOf(sample, name);
  const random = randomStream(12, name);
  const c = g.input("c", output.dtype, output.shape);
  const draw = (): Tensor =>
    tensor(
      c.dtype,
      c.shape,
      Array.from({ length: sizeOf(c.shape) }, () => random.normal()),
    );
  return {
    g,
    inputs: [...inputs, c],
    outputs: gradient(
      g,
      g.total(g.mul(output, c)),
      inputs.filter((x) => isFloat(x.dtype)),
    ),
    points: points.map((point) => new Map([...point, [c, draw()]])),
  };
}

const differentiable = allSamples.filter((sample) => isFloat(copiesOf(sample, sample.name).output.dtype));

describe("vmap", () => {
  it.each(allSamples)("$name, over each choice of its inputs, is one evaluation a copy", (sample) => {
    const function_ = copiesOf(sample, sample.name);
    for (const chosen of subsets(function_.inputs)) checkVmap(function_, chosen);
  });

  it.each(differentiable)("$name, and of its derivative", (sample) => {
    const derivative = derivativeOf(sample, sample.name);
    for (const chosen of subsets(derivative.inputs)) checkVmap(derivative, chosen);
  });

  it("computes what no copy changes once, and repeats an output that no copy changes", () => {
    const g = new GraphBuilder();
    const [x, w] = [g.input("x", "float64", [2]), g.input("w", "float64", [2])];
    const shared = g.unary("Exp", w);
    const all = g.input("all", "float64", [copies, 2]);
    const [product, repeated] = vmap(g, [g.mul(x, shared), shared], new Map([[x, all]]), copies) as [Value, Value];
    expect(product.inputs).toEqual([all, shared]);
    expect(repeated).toMatchObject({ op: "Expand", inputs: [shared], shape: [copies, 2] });
  });
});
