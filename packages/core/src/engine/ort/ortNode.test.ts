import { afterAll, describe, expect, it } from "vitest";
import { GraphBuilder, graphOf } from "../../ir/builder.ts";
import type { Graph, InputValue } from "../../ir/graph.ts";
import { type Tensor, tensor } from "../../ir/tensor.ts";
import { expectClose } from "../../testing/expectClose.ts";
import { tolerances } from "../../testing/tolerance.ts";
import type { Engine, Feed } from "../engine.ts";
import { referenceEngine } from "../reference/engine.ts";
import { ortNodeEngine } from "./ortNode.ts";
import { ortWebEngine } from "./ortWeb.ts";

/** y = x W + b, z = tanh y */
function layer(): { readonly graph: Graph; readonly x: InputValue; readonly w: InputValue; readonly b: InputValue } {
  const g = new GraphBuilder();
  const [x, w, b] = [g.input("x", "float32", [2, 3]), g.input("w", "float32", [3, 4]), g.input("b", "float32", [4])];
  const y = g.add(g.matmul(x, w), b);
  return { graph: graphOf([x, w, b], [y, g.unary("Tanh", y)]), x, w, b };
}

const x = tensor("float32", [2, 3], [1, -2, 0.5, 0.25, 3, -1]);
const w = tensor("float32", [3, 4], [0.1, 0.2, 0.3, 0.4, -0.5, 0.6, -0.7, 0.8, 0.9, -1, 1.1, -1.2]);
const b = tensor("float32", [4], [0.01, 0.02, -0.03, 0.04]);

/** A graph that takes a while: a chain of large products. */
function slow(): { readonly graph: Graph; readonly a: InputValue; readonly feed: Tensor } {
  const g = new GraphBuilder();
  const a = g.input("a", "float32", [700, 700]);
  let y = g.matmul(a, a);
  for (let i = 0; i < 12; i++) y = g.mul(g.matmul(y, a), 1e-3);
  return {
    graph: graphOf([a], [g.total(y)]),
    a,
    feed: tensor("float32", [700, 700], new Float32Array(700 * 700).fill(0.5)),
  };
}

const engines: readonly (readonly [string, Engine])[] = [
  ["ort-node", ortNodeEngine({ threads: 1 })],
  ["ort-node with two lanes", ortNodeEngine({ threads: 1, lanes: 2 })],
  ["ort-web", ortWebEngine({ threads: 1 })],
  ["ort-web with two threads", ortWebEngine({ threads: 2 })],
  ["reference", referenceEngine()],
];

afterAll(async () => {
  for (const [, engine] of engines) await engine[Symbol.asyncDispose]();
});

describe.each(engines)("%s", (_, engine) => {
  const one = layer();
  const feeds = new Map([
    [one.x, x],
    [one.w, w],
    [one.b, b],
  ]);
  // By hand: first row [1 −2 .5] W + b.
  const firstRow = [0.1 + 1 + 0.45 + 0.01, 0.2 - 1.2 - 0.5 + 0.02, 0.3 + 1.4 + 0.55 - 0.03, 0.4 - 1.6 - 0.6 + 0.04];

  it("runs a program, several times, with the outputs in order", async () => {
    await using program = await engine.compile(one.graph);
    for (let repeat = 0; repeat < 3; repeat++) {
      const [y, z] = await program.run(feeds);
      expectClose(y!.data.subarray(0, 4), firstRow, "y", tolerances.float32);
      expectClose(z!.data.subarray(0, 4), firstRow.map(Math.tanh), "tanh y", tolerances.float32);
    }
  });

  it("gives the same with an input fixed for the program's life", async () => {
    await using program = await engine.compile(one.graph, {
      fixed: new Map([
        [one.w, w],
        [one.b, b],
      ]),
    });
    const [y] = await program.run(new Map([[one.x, x]]));
    expectClose(y!.data.subarray(0, 4), firstRow, "y", tolerances.float32);
  });

  it("takes a feed in pieces, zero where they end", async () => {
    await using program = await engine.compile(one.graph);
    const pieces = [x.data.subarray(0, 3)];
    const [y] = await program.run(
      new Map<InputValue, Feed>([...feeds, [one.x, { dtype: "float32", shape: [2, 3], pieces }]]),
    );
    expectClose(y!.data, [...firstRow, ...b.data], "second row is the bias", tolerances.float32);
  });

  it("keeps residents between runs on every lane, until they are released", async () => {
    await using program = await engine.compile(one.graph);
    for (let lane = 0; lane < engine.lanes; lane++) {
      const resident = await engine.upload(w, lane);
      const kept = await program.runResident(new Map<InputValue, Feed>([...feeds, [one.w, resident]]), { lane });
      expect(kept.map((r) => r.lane)).toEqual([lane, lane]);
      await engine.release([resident, ...kept]);
      await expect(program.run(new Map<InputValue, Feed>([...feeds, [one.w, resident]]), { lane })).rejects.toThrow(
        "released",
      );
    }
  });

  it("says which input is not fed, or fed in another shape", async () => {
    await using program = await engine.compile(one.graph);
    await expect(program.run(new Map([[one.x, x]]))).rejects.toThrow('at        input "w"');
    const flat = tensor("float32", [4, 3], new Float32Array(12));
    await expect(program.run(new Map([...feeds, [one.w, flat]]))).rejects.toThrow("expected  [3, 4]");
  });

  it("does not start a run that is cancelled, and goes on afterwards", async () => {
    await using program = await engine.compile(one.graph);
    await expect(program.run(feeds, { signal: AbortSignal.abort() })).rejects.toThrow("abort");
    expect(await program.run(feeds)).toHaveLength(2);
  });
});

describe("ort-node", () => {
  it("leaves the event loop free while a graph runs", async () => {
    await using engine = ortNodeEngine({ threads: 1 });
    const { graph, a, feed } = slow();
    await using program = await engine.compile(graph);
    let ticks = 0;
    const timer = setInterval(() => ticks++, 2);
    const start = performance.now();
    await program.run(new Map([[a, feed]]));
    const time = performance.now() - start;
    clearInterval(timer);
    expect(time).toBeGreaterThan(8);
    expect(ticks).toBeGreaterThan(0);
  });

  it("lets a run end that is under way when the engine is released", async () => {
    const engine = ortNodeEngine({ threads: 1 });
    const { graph, a, feed } = slow();
    const program = await engine.compile(graph);
    const running = program.run(new Map([[a, feed]]));
    await engine[Symbol.asyncDispose]();
    expect((await running)[0]!.data).toHaveLength(1);
  });

  it.each(["cuda", "webgpu", "tensorrt", "nonsense"])(
    "passes the name %s on, and says that it is not there",
    async (name) => {
      await using engine = ortNodeEngine({ executionProviders: [name, "cpu"] });
      expect(engine.settings["providers"]).toBe(`${name},cpu`);
      const verdict = await engine.compile(layer().graph).then(
        async (program) => program[Symbol.asyncDispose](), // where there is one
        (error: unknown) => error,
      );
      if (verdict || name === "nonsense") {
        expect(String(verdict)).toContain("Cannot start ONNX Runtime as an execution provider is not available here");
        expect(verdict).toMatchObject({
          facts: { at: `${name}, cpu`, found: expect.stringMatching(new RegExp(name, "i")) },
        });
      }
    },
  );
});
