/** What would give wrong numbers silently is an error that says where; each of these fails without its check. */
import { describe, expect, it } from "vitest";
import type { Dataset } from "../data/dataset.ts";
import { type Arrays, datasetFromArrays } from "../data/fromArrays.ts";
import { datasetFromBatches } from "../data/fromBatches.ts";
import type { Engine, Program } from "../engine/engine.ts";
import { referenceEngine } from "../engine/reference/engine.ts";
import { binaryCrossEntropy } from "../loss/binaryCrossEntropy.ts";
import { crossEntropy } from "../loss/crossEntropy.ts";
import { squaredError } from "../loss/squaredError.ts";
import type { OnnxModel } from "../onnx/model.ts";
import { expectClose } from "../testing/expectClose.ts";
import {
  floats,
  ints,
  intsAttr,
  linearModel,
  node,
  normalFloats,
  smallModel,
  tanhNetwork,
} from "../testing/smallModels.ts";
import { toDense } from "./dense.ts";
import { ggn } from "./ggn.ts";
import { gradientAndLoss } from "./gradientAndLoss.ts";
import { hessian } from "./hessian.ts";
import { jacobian } from "./jacobian.ts";
import { createProblem, type Problem, type ProblemOptions } from "./problem.ts";

const rows = 6;
const model = tanhNetwork([3, 4, 2], 3);
const x = normalFloats([rows, 3], 1, "x");
const target = normalFloats([rows, 2], 2, "target");
const labels = ints([rows], [0, 1, 1, 0, 1, 0]);
const whole = datasetFromArrays({ inputs: { x }, target }, { batchSize: 4 });

const problemOf = (change: Partial<ProblemOptions> = {}): Promise<Problem> =>
  createProblem({ model, data: whole, loss: squaredError(), engine: referenceEngine(), ...change });

const dataOf = (change: Partial<Arrays>, nonFinite: "allow" | "error" = "error"): Dataset =>
  datasetFromArrays({ inputs: { x }, target, ...change }, { batchSize: 4, nonFinite });

/** A dataset whose every pass is made by the caller. */
const passes = (make: (pass: number) => readonly Arrays[]): Dataset => {
  let pass = 0;
  return datasetFromBatches(() => make(pass++));
};

function with1(data: ArrayLike<number>, at: number, value: number): Float64Array {
  const changed = Float64Array.from(data);
  changed[at] = value;
  return changed;
}

describe("data", () => {
  it("that differ from pass to pass are an error of the gradient", async () => {
    const data = passes((pass) => [{ inputs: { x: { ...x, data: x.data.map((v) => v + pass) } }, target }]);
    await using problem = await problemOf({ data, memory: 0 });
    await expect(gradientAndLoss(problem)).rejects.toThrow("going over them twice gave a different loss");
    await using trusting = await problemOf({ data, memory: 0, checks: { deterministic: false } });
    await expect(gradientAndLoss(trusting)).resolves.toBeDefined();
  });

  it("that are shuffled with their targets are an error where order counts, and of sums none", async () => {
    const order = (pass: number): number[] => Array.from({ length: rows }, (_, i) => (i + pass) % rows);
    const take = (t: typeof x, pass: number): typeof x => ({
      ...t,
      data: Float64Array.from(
        order(pass).flatMap((i) => [...t.data.slice((i * t.data.length) / rows, ((i + 1) * t.data.length) / rows)]),
      ),
    });
    const data = passes((pass) => [{ inputs: { x: take(x, pass) }, target: take(target, pass) }]);
    await using problem = await problemOf({ data, memory: 0 });
    await expect(gradientAndLoss(problem)).resolves.toBeDefined();
  });

  it("that differ from pass to pass are an error of the product", async () => {
    const data = passes((pass) => [{ inputs: { x: { ...x, data: x.data.map((v) => v * (1 + pass)) } }, target }]);
    await using problem = await problemOf({ data, memory: 0 });
    const v = new Float64Array(problem.space.size).fill(1);
    await expect(hessian(problem).apply(v)).rejects.toThrowErrorMatchingInlineSnapshot(`
      [UsageError: Cannot use the Hessian as the same product twice gave different results
        expected  a relative difference of at most 0.0001
        found     4.01e-1
        try       the data or the model are random: fix them, or switch the check off]
    `);
  });

  it("from an iterator that is used up are an error, never a zero matrix", async () => {
    const once = (function* (): Generator<Arrays> {
      yield { inputs: { x }, target };
    })();
    const make = async (): Promise<unknown> => {
      await using problem = await problemOf({ data: datasetFromBatches(once, { batchSize: rows }), memory: 0 });
      return ggn(problem).apply(new Float64Array(problem.space.size).fill(1));
    };
    await expect(make()).rejects.toThrow("used up");
  });

  it.each([
    ["x", Number.NaN],
    ["x", Number.POSITIVE_INFINITY],
    ["target", Number.NaN],
    ["target", Number.NEGATIVE_INFINITY],
  ])("with %s = %d are an error that says where", async (name, value) => {
    const bad = { ...(name === "x" ? x : target), data: with1(name === "x" ? x.data : target.data, 9, value) };
    const data = dataOf(name === "x" ? { inputs: { x: bad } } : { target: bad }, "allow");
    const row = name === "x" ? 'batch 0, input "x", row 3, entry 0' : "batch 1";
    await expect(problemOf({ data })).rejects.toThrow(row);
  });

  it("may have −∞ in an input, as a mask has", async () => {
    const masked = { ...x, data: with1(x.data, 0, Number.NEGATIVE_INFINITY) };
    await using problem = await problemOf({ data: dataOf({ inputs: { x: masked } }, "allow") });
    expect(problem.survey.rows).toBe(rows); // tanh of it is −1
  });

  it.each([
    ["a missing input", { inputs: { z: x } }, `they lack an input of the model`],
    ["another shape", { inputs: { x: normalFloats([rows, 4], 1, "wide") } }, "another shape"],
    ["another rank", { inputs: { x: normalFloats([rows, 3, 1], 1, "deep") } }, "another shape"],
    ["targets of another shape", { target: normalFloats([rows, 3], 1, "targets") }, "the targets as their shape"],
  ])("with %s are an error", async (_, change, message) => {
    await expect(problemOf({ data: dataOf(change) })).rejects.toThrow(message);
  });

  it("with targets of another number of rows are an error", () => {
    expect(() => dataOf({ target: normalFloats([rows - 1, 2], 1, "targets") })).toThrow("rows");
  });

  it("of floats for an input of integers are an error", async () => {
    const indexed = smallModel({ x: ["batch"] }, { table: normalFloats([5, 2], 1, "table") }, [
      node("Gather", ["table", "x"], "f"),
    ]);
    const integer = { ...indexed, inputs: indexed.inputs.map((port) => ({ ...port, dtype: "int64" as const })) };
    const data = dataOf({ inputs: { x: floats([rows], [0, 1, 2, 3, 4, 0.5]) } });
    await expect(problemOf({ model: integer, data })).rejects.toThrowErrorMatchingInlineSnapshot(`
      [MismatchError: Cannot use the data as an input has another dtype than the model's
        at        arrays, batch 0, input "x"
        expected  int64
        found     float32]
    `);
  });

  it.each([2, -1, 0.5])("with the label %d of two classes are an error that says where", async (label) => {
    const data = dataOf({ target: floats([rows], with1(labels.data, 5, label)) });
    await expect(problemOf({ data, loss: crossEntropy() })).rejects.toThrow(/batch 1, row 1\n.*expected.*0 to 1/);
  });

  it("without a row are an error", async () => {
    await expect(problemOf({ data: datasetFromBatches(() => [], { batchSize: 4 }) })).rejects.toThrow("no rows");
  });

  it("whose every label is ignored are an error", async () => {
    const data = dataOf({ target: ints([rows], new Float64Array(rows).fill(-100)) });
    await expect(problemOf({ data, loss: crossEntropy({ ignoreIndex: -100 }) })).rejects.toThrow("no loss term counts");
  });

  it("without a target give predictions and a Jacobian, and say what they cannot give", async () => {
    await using problem = await problemOf({ data: datasetFromArrays({ inputs: { x } }) });
    expect(jacobian(problem).shape).toEqual([2 * rows, problem.space.size]);
    expect(() => hessian(problem)).toThrowErrorMatchingInlineSnapshot(`
      [UsageError: Cannot make the Hessian as the data have no target
        at        arrays
        try       add an array "y" to the data file, or name the target]
    `);
  });
});

describe("models", () => {
  it.each([Number.NaN, Number.POSITIVE_INFINITY])(
    "with a parameter that is %d are an error that names it",
    async (value) => {
      const weight = floats([2, 3], [1, 2, 3, value, 5, 6]);
      await expect(problemOf({ model: linearModel(weight) })).rejects.toThrow('parameter "weight", entry 3');
      await expect(problemOf({ model: linearModel(weight), checks: false })).resolves.toBeDefined();
    },
  );

  it("without a parameter of that name are an error", async () => {
    await expect(problemOf({ parameters: ["fc0.*", "head.*"] })).rejects.toThrowErrorMatchingInlineSnapshot(`
      [UsageError: Cannot choose parameters as a name or glob matches none
        at        small model
        found     head.*
        try       one of fc0.weight, fc0.bias, fc1.weight, fc1.bias]
    `);
  });

  /** f = W (x − mean over the batch of x) */
  const centred = smallModel({ x: ["batch", 3] }, { weight: normalFloats([3, 2], 1, "weight") }, [
    node("ReduceMean", ["x"], "mean", { axes: intsAttr(0) }),
    node("Sub", ["x", "mean"], "centred"),
    node("MatMul", ["centred", "weight"], "f"),
  ]);

  it("whose prediction depends on the other rows of its batch are an error", async () => {
    await expect(problemOf({ model: centred })).rejects.toThrow(
      "a row's prediction depends on the other rows of its batch",
    );
    await using meant = await problemOf({ model: centred, checks: { independent: false } });
    expect(meant.survey.rows).toBe(rows);
  });

  it("whose result overflows are an error that names the parameter", async () => {
    const weight = floats([2, 3], [1e200, 0, 0, 0, 1, 0]);
    await using problem = await problemOf({ model: linearModel(weight), loss: squaredError() });
    await expect(gradientAndLoss(problem)).rejects.toThrow("not finite");
    const j = jacobian(problem);
    const huge = new Float64Array(6).fill(Number.MAX_VALUE);
    await expect(j.apply(huge)).rejects.toThrow(/product with the Jacobian as it is not finite\n.*row 0, entry 0/);
    const all = new Float64Array(2 * rows).fill(Number.MAX_VALUE);
    await expect(j.adjoint().apply(all)).rejects.toThrow('parameter "weight"');
  });

  it("with a vector of the wrong length say what they want", async () => {
    await using problem = await problemOf();
    await expect(hessian(problem).apply(new Float64Array(5))).rejects.toThrowErrorMatchingInlineSnapshot(`
      [MismatchError: Cannot apply the Hessian as the vector's length is not the parameters'
        expected  26
        found     5
        try       concatenate in the order fc0.weight, fc0.bias, fc1.weight, fc1.bias]
    `);
    await expect(jacobian(problem).adjoint().apply(new Float64Array(5))).rejects.toThrowErrorMatchingInlineSnapshot(`
      [MismatchError: Cannot apply the Jacobianᵀ as the vector's length is not that of all predictions
        expected  12
        found     5]
    `);
  });
});

describe("batches", () => {
  const operators = async (options: Partial<ProblemOptions>): Promise<Float64Array[]> => {
    await using problem = await problemOf(options);
    const { gradient, loss } = await gradientAndLoss(problem);
    return [
      Float64Array.of(loss),
      gradient,
      await toDense(hessian(problem)),
      await toDense(ggn(problem)),
      await toDense(jacobian(problem)),
    ];
  };
  const same = (found: Float64Array[], truth: Float64Array[]): void => {
    for (const [i, name] of ["loss", "gradient", "Hessian", "GGN", "Jacobian"].entries()) {
      expectClose(found[i] ?? [], truth[i] ?? [], name, { relative: 1e-12, absolute: 1e-13 });
    }
  };

  it.each([1, 4, 5, 100])("of %d rows give what one batch gives", async (batchSize) => {
    same(await operators({ data: datasetFromArrays({ inputs: { x }, target }, { batchSize }) }), await operators({}));
  });

  it("may be read anew for every product", async () => {
    same(await operators({ memory: 0 }), await operators({}));
  });

  it("of a model with a fixed batch are padded, and give what the free model gives", async () => {
    const fixed: OnnxModel = { ...model, inputs: model.inputs.map((port) => ({ ...port, shape: [4, 3] })) };
    same(await operators({ model: fixed }), await operators({}));
    const large = datasetFromArrays({ inputs: { x }, target }, { batchSize: 5 });
    await expect(problemOf({ model: fixed, data: large })).rejects.toThrowErrorMatchingInlineSnapshot(`
      [UsageError: Cannot use the data as their batches are larger than the model's fixed batch
        at        arrays
        expected  at most 4 rows
        found     5
        try       use batches of 4, or export the model with a dynamic batch axis]
    `);
  });

  it.each(["mean", "sum"] as const)("count a row of weight 2 twice, in a %s", async (reduction) => {
    const twice = Float64Array.of(...target.data, ...target.data.slice(6, 8));
    const repeated = {
      inputs: { x: floats([rows + 1, 3], [...x.data, ...x.data.slice(9, 12)]) },
      target: floats([rows + 1, 2], twice),
    };
    const weights = floats([rows], [1, 1, 1, 2, 1, 1]);
    const loss = squaredError({ reduction });
    const [counted, written] = await Promise.all([
      operators({ loss, data: dataOf({ weights }) }),
      operators({ loss, data: datasetFromArrays(repeated, { batchSize: 4 }) }),
    ]);
    same(counted.slice(0, 4), written.slice(0, 4));
  });

  it("of weight 0 are as if they were not there", async () => {
    const none = { weights: floats([rows], [1, 1, 1, 1, 1, 0]) };
    const short = {
      inputs: { x: floats([rows - 1, 3], x.data.slice(0, -3)) },
      target: floats([rows - 1, 2], target.data.slice(0, -2)),
    };
    same(
      (await operators({ data: dataOf(none) })).slice(0, 4),
      (await operators({ data: datasetFromArrays(short) })).slice(0, 4),
    );
  });
});

describe("cancellation", () => {
  it("takes effect between runs, and the problem goes on working", async () => {
    const stop = new AbortController();
    await using problem = await problemOf({
      data: datasetFromArrays({ inputs: { x }, target }, { batchSize: 1 }),
      engine: counting(stop, 9),
    });
    const h = hessian(problem);
    const v = Float64Array.from({ length: problem.space.size }, (_, i) => Math.cos(i));
    await expect(h.apply(v, { signal: stop.signal })).rejects.toThrow("enough");
    await using calm = await problemOf();
    expectClose(await h.apply(v), await hessian(calm).apply(v), "after an abort", { relative: 1e-12, absolute: 1e-13 });
    await expect(h.apply(v, { signal: stop.signal })).rejects.toThrow("enough");
  });

  it("stops making a problem", async () => {
    await expect(problemOf({ signal: AbortSignal.abort(new Error("enough")) })).rejects.toThrow("enough");
  });
});

describe("probabilities", () => {
  const ending = (opType: string, last: string): OnnxModel => {
    const { nodes, initializers } = tanhNetwork([3, 2], 3);
    const scores = nodes.at(-1)!.outputs[0]!;
    const values = Object.fromEntries([...initializers].map(([name, { read }]) => [name, read()]));
    const p = node(opType, [scores], "p");
    return smallModel({ x: ["batch", 3] }, values, [...nodes, p, node(last, ["p"], "out")]);
  };
  const classes = datasetFromArrays({ inputs: { x }, target: labels }, { batchSize: 4 });

  it.each([
    ["Softmax", crossEntropy(), classes],
    [
      "Sigmoid",
      binaryCrossEntropy(),
      datasetFromArrays({ inputs: { x }, target: floats([rows, 2], new Float64Array(12)) }, { batchSize: 4 }),
    ],
  ] as const)("are no scores, unless their output is named: %s", async (opType, loss, data) => {
    const own = ending(opType, "Identity");
    const scores = own.nodes.at(-3)!.outputs[0]!;
    const refused = problemOf({ model: own, data, loss });
    await expect(refused).rejects.toThrow("holds probabilities");
    await expect(refused).rejects.toThrow(`"${scores}" (--output)`);
    await using before = await problemOf({ model: own, data, loss, output: scores });
    await using after = await problemOf({ model: own, data, loss, output: "out" });
    const [a, b] = [await gradientAndLoss(before), await gradientAndLoss(after)];
    expect(Math.abs(a.loss - b.loss)).toBeGreaterThan(1e-3);
  });

  it("are what squared error may take", async () => {
    await using problem = await problemOf({ model: ending("Softmax", "Identity") });
    expect((await gradientAndLoss(problem)).loss).toBeGreaterThan(0);
  });
});

/** An engine that calls for an end in the middle of its work: after so many runs. */
function counting(stop: AbortController, after: number): Engine {
  const engine = referenceEngine();
  let runs = 0;
  const count = (): void => {
    if (++runs === after) stop.abort(new Error("enough"));
  };
  return {
    ...engine,
    [Symbol.asyncDispose]: () => engine[Symbol.asyncDispose](),
    async compile(graph, options): Promise<Program> {
      const program = await engine.compile(graph, options);
      return {
        graph: program.graph,
        run(feeds, how) {
          count();
          return program.run(feeds, how);
        },
        runResident(feeds, how) {
          count();
          return program.runResident(feeds, how);
        },
        [Symbol.asyncDispose]: () => program[Symbol.asyncDispose](),
      };
    },
  };
}
