import { describe, expect, it } from "vitest";
import { ortNodeEngine } from "../../engine/ort/ortNode.ts";
import { evaluateGraph } from "../../engine/reference/interpreter.ts";
import { GraphBuilder, graphOf } from "../../ir/builder.ts";
import { tensor } from "../../ir/tensor.ts";
import { matrix } from "../../linalg/matrix.ts";
import { randomStream } from "../../random/random.ts";
import { expectClose } from "../../testing/expectClose.ts";
import { tolerances } from "../../testing/tolerance.ts";
import { fromPanels, gramPanels, panelsOf } from "./panels.ts";

const [groups, rows] = [2, 5];

function sample(n: number) {
  const g = new GraphBuilder();
  const [x, y] = [g.input("x", "float32", [groups, rows, n]), g.input("y", "float32", [groups, rows, n])];
  const graph = graphOf([x, y], gramPanels(g, x, y));
  const stream = randomStream(1, "panels");
  const data = Float32Array.from({ length: groups * rows * n }, () => stream.normal());
  const weighted = data.map((v, at) => v * (1 + (Math.floor(at / n) % rows))); // one weight a row
  const shape = [groups, rows, n];
  const feeds = new Map([
    [x, tensor("float32", shape, data)],
    [y, tensor("float32", shape, weighted)],
  ]);
  const product = (group: number): Float64Array => {
    const out = new Float64Array(n * n);
    for (let r = 0; r < rows; r++) {
      const from = (group * rows + r) * n;
      for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) out[i * n + j]! += data[from + i]! * weighted[from + j]!;
    }
    return out;
  };
  return { graph, feeds, product };
}

describe("panels of a symmetric product", () => {
  it("cover the lower triangle once", () => {
    for (const n of [1, 191, 192, 400, 1025, 5000]) {
      const panels = panelsOf(n);
      expect([panels[0]!.from, panels.at(-1)!.to]).toEqual([0, n]);
      panels.slice(1).forEach(({ from }, i) => {
        expect(from).toBe(panels[i]!.to);
      });
    }
    const entries = panelsOf(2048).reduce((sum, { from, to }) => sum + (to - from) * to, 0);
    expect(entries / 2048 ** 2).toBeLessThan(0.57);
  });

  it.each([7, 400, 1030])("give Σ x yᵀ of every group, scaled: side %d", (n) => {
    const { graph, feeds, product } = sample(n);
    const sums = evaluateGraph(graph, feeds).map(({ data }) => Float64Array.from(data));
    for (let group = 0; group < groups; group++) {
      const truth = product(group).map((v) => 0.5 * v);
      const found = fromPanels(sums, n, group, 0.5);
      expectClose(found.data, truth, `group ${group}`, tolerances.float32);
      const old = matrix(n, n, new Float64Array(n * n).fill(Number.NaN));
      expect(fromPanels(sums, n, group, 0.5, old).data).toBe(old.data);
      expectClose(old.data, truth, "over an old matrix", tolerances.float32);
    }
  });

  it("come out the same where outputs lie in recycled memory, and what was not recycled stays", async () => {
    await using engine = ortNodeEngine({ threads: 1 });
    const { graph, feeds } = sample(400);
    await using program = await engine.compile(graph);
    const truth = evaluateGraph(graph, feeds).map(({ data }) => Float64Array.from(data));
    const kept = await program.run(feeds);
    const given = await program.run(feeds);
    const memory = given.map(({ data }) => data.buffer);
    engine.recycle!(given);
    const [first, second] = [await program.run(feeds), await program.run(feeds)];
    expect(first.every(({ data }, i) => data.length === truth[i]!.length)).toBe(true);
    for (const outputs of [kept, first, second]) {
      outputs.forEach(({ data }, i) => {
        expectClose(data, truth[i]!, `panel ${i}`, tolerances.float32);
      });
    }
    expect(memory.every((buffer) => buffer.byteLength === 0 || first.some(({ data }) => data.buffer === buffer))).toBe(
      true,
    );
  });
});
