import { describe, expect, it } from "vitest";
import { evaluateGraph } from "../../engine/reference/interpreter.ts";
import { evaluateOp } from "../../engine/reference/kernels.ts";
import { GraphBuilder } from "../../ir/builder.ts";
import { isFloat } from "../../ir/dtype.ts";
import { dependents, reachable, type Value } from "../../ir/graph.ts";
import { ops } from "../../ir/ops.ts";
import { tensor } from "../../ir/tensor.ts";
import { randomStream } from "../../random/random.ts";
import { checkDerivatives } from "../../testing/checkDerivatives.ts";
import { expectClose } from "../../testing/expectClose.ts";
import { allSamples } from "../../testing/operatorSamples.ts";
import { type Sample, sampleGraph } from "../../testing/sample.ts";
import { pushForward } from "../linearize.ts";
import { gradient, pullBack, transpose } from "../pullBack.ts";
import { tangentRules } from "./index.ts";
import { linearOps } from "./transpose.ts";

/** The operators between a tangent of the sample's inputs and that of its output, and those of its gradient. */
function emittedBy(sample: Sample): { onTangents: string[]; anywhere: string[] } {
  const g = new GraphBuilder(evaluateOp);
  const { inputs, output } = sampleGraph(g, sample);
  const wrt = inputs.filter((x) => isFloat(x.dtype));
  const tangents = wrt.map((x) => g.input(`d_${x.name}`, x.dtype, x.shape));
  const [pushed] = pushForward(g, [output], new Map(wrt.map((x, i) => [x, tangents[i] as Value])));
  const tangentPath = pushed ? dependents([pushed], tangents) : [];
  const pulled = pushed ? gradient(g, g.total(output), wrt) : [];
  return {
    onTangents: operatorsIn(tangentPath),
    anywhere: operatorsIn(reachable([...pulled, ...(pushed ? [pushed] : [])])),
  };
}

const operatorsIn = (values: readonly Value[]): string[] => values.map((v) => v.op).filter((op) => op !== "Input");

const typeOf = (v: Value | null | undefined): object | null => (v ? { dtype: v.dtype, shape: v.shape } : null);

describe("the rule table", () => {
  it.each(allSamples)("$name agrees with central differences to third order", (sample) => {
    checkDerivatives(sample, randomStream(7, sample.name));
  });

  it.each(allSamples)("$name reaches its operator", ({ op, ...sample }) => {
    const { output } = sampleGraph(new GraphBuilder(evaluateOp), sample);
    expect(operatorsIn(reachable([output]))).toContain(op);
  });

  it.each(allSamples)("$name has tangents and cotangents of its values' types, for each input alone", (sample) => {
    const g = new GraphBuilder(evaluateOp);
    const { inputs, output } = sampleGraph(g, sample);
    for (const x of inputs.filter((input) => isFloat(input.dtype))) {
      const [pushed] = pushForward(g, [output], new Map([[x, g.input("dx", x.dtype, x.shape)]]));
      const [pulled] = pullBack(g, [output], [g.input("ct", output.dtype, output.shape)], [x]);
      expect(typeOf(pushed)).toEqual(pushed && typeOf(output));
      expect(typeOf(pulled)).toEqual(pulled && typeOf(x));
    }
  });

  it("is closed: what a rule emits has a rule, and what lies between tangents has a transpose", () => {
    const emitted = allSamples.map(emittedBy);
    const onTangents = new Set(emitted.flatMap((e) => e.onTangents));
    expect(emitted.flatMap((e) => e.anywhere).filter((op) => !(op in tangentRules))).toEqual([]);
    expect([...onTangents, "Div"].sort(), "every transpose is tried").toEqual([...linearOps].sort());
    expect(Object.keys(tangentRules).sort()).toEqual([...ops].sort());
  });

  it("turns a quotient around, which no rule emits but a linear function may contain", () => {
    const g = new GraphBuilder(evaluateOp);
    const [x, ct] = [g.input("x", "float64", [2]), g.input("ct", "float64", [3, 2])];
    const divisor = g.constantTensor(tensor("float64", [3, 2], [1, 2, 4, 5, 8, 10]));
    const [pulled] = transpose(g, [g.div(x, divisor)], [ct], [x]);
    const feeds = new Map([[ct, tensor("float64", [3, 2], [1, 1, 1, 1, 1, 1])]]);
    const [y] = evaluateGraph(g.build([ct], [pulled as Value]), feeds);
    expectClose(y!.data, [1.375, 0.8], "Σ ȳ / b over the rows");
  });

  it("names the node, the operator and the way out when a rule is missing", () => {
    const g = new GraphBuilder();
    const x = g.input("x", "float64", [3]);
    const origin = { node: "/head/foo", opType: "Foo" };
    const foreign = { ...g.from(origin, () => g.unary("Tanh", x)), op: "Foo" } as unknown as Value;
    expect(() => gradient(g, g.total(foreign), [x])).toThrowErrorMatchingInlineSnapshot(`
      [NoDerivativeError: Cannot differentiate Foo: no rule is registered for it
        at        Foo "/head/foo"
        try       add a row "Foo" to packages/core/src/autodiff/rules]
    `);
  });
});
