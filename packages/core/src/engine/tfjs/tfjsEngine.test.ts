import { describe, expect, it } from "vitest";
import { EngineError } from "../../errors.ts";
import { GraphBuilder, graphOf } from "../../ir/builder.ts";
import { tensor } from "../../ir/tensor.ts";
import { tfjsEngine } from "./tfjsEngine.ts";

/** y = scale · x Wᵀ, with W fixed. */
function linear() {
  const g = new GraphBuilder();
  const x = g.input("x", "float32", [2, 3]);
  const w = g.input("w", "float32", [2, 3]);
  return { x, w, graph: graphOf([x, w], [g.mul(g.matmul(x, g.transpose(w)), 2)]) };
}

describe("TensorFlow.js", () => {
  it("runs with fixed inputs, pieces and residents, and results stay inside where asked", async () => {
    await using engine = await tfjsEngine({ backend: "cpu" });
    const { x, w, graph } = linear();
    const fixed = new Map([[w, tensor("float32", [2, 3], [1, 0, 0, 0, 1, -1])]]);
    await using program = await engine.compile(graph, { fixed });
    const pieces = [Float64Array.of(1, 2, 3), Float64Array.of(4, 5)]; // the rest is zero
    const [y] = await program.run(new Map([[x, { dtype: "float32", shape: [2, 3], pieces }]]));
    expect(y).toEqual({ dtype: "float32", shape: [2, 2], data: Float32Array.of(2, -2, 8, 10) });

    const held = await engine.upload(tensor("float32", [2, 3], [1, 2, 3, 4, 5, 0]), 0);
    const [kept] = await program.runResident(new Map([[x, held]]));
    expect(kept).toMatchObject({ lane: 0, bytes: 16 });
    await engine.release([held, kept!]);
    await expect(program.run(new Map([[x, held]]))).rejects.toThrow("it was released");
  });

  it("leaves nothing behind", async () => {
    await using engine = await tfjsEngine({ backend: "cpu" });
    const tf = await import("@tensorflow/tfjs-core");
    const before = tf.memory().numTensors;
    const { x, w, graph } = linear();
    const program = await engine.compile(graph);
    await program.run(
      new Map([
        [x, tensor("float32", [2, 3], [1, 2, 3, 4, 5, 6])],
        [w, tensor("float32", [2, 3], [1, 2, 3, 4, 5, 6])],
      ]),
    );
    await program[Symbol.asyncDispose]();
    expect(tf.memory().numTensors).toBe(before);
  });

  it("stops between operators, and goes on afterwards", async () => {
    await using engine = await tfjsEngine({ backend: "cpu" });
    const g = new GraphBuilder();
    const x = g.input("x", "float32", [160, 160]);
    const y = Array.from({ length: 12 }).reduce<typeof x | ReturnType<typeof g.matmul>>((z) => g.matmul(z, x), x);
    await using program = await engine.compile(graphOf([x], [y]));
    const feeds = new Map([[x, tensor("float32", [160, 160], new Float32Array(160 * 160))]]);
    const abort = new AbortController();
    const run = program.run(feeds, { signal: abort.signal });
    setImmediate(() => abort.abort());
    await expect(run).rejects.toThrow("aborted");
    const [zero] = await program.run(feeds);
    expect(zero!.data.every((v) => v === 0)).toBe(true);
  });

  it("refuses integers that do not fit", async () => {
    await using engine = await tfjsEngine({ backend: "cpu" });
    await expect(engine.upload(tensor("int64", [1], Float64Array.of(2 ** 40)), 0)).rejects.toThrow(
      "its integers have 32 bits",
    );
  });

  it("broadcasts more axes than its backends know", async () => {
    await using engine = await tfjsEngine({ backend: "wasm" });
    const g = new GraphBuilder();
    const x = g.input("x", "float32", [2, 3, 1, 1, 1, 1, 2]);
    await using program = await engine.compile(graphOf([x], [g.sub(x, g.sum(x, [1], true))]));
    const list = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];
    const [y] = await program.run(new Map([[x, tensor("float32", x.shape, list)]]));
    expect([...y!.data]).toEqual(list.map((v, i) => v - [9, 12, 27, 30][2 * Math.floor(i / 6) + (i % 2)]!));
  });

  it("says what to install", async () => {
    const missing = tfjsEngine({ backend: "webgl" });
    await expect(missing).rejects.toThrow(EngineError);
    await expect(missing).rejects.toThrow("npm install @tensorflow/tfjs-core @tensorflow/tfjs-backend-webgl");
  });
});
