import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  createProblem,
  crossEntropy,
  datasetFromArrays,
  type Problem,
  randomStream,
  referenceEngine,
  toDense,
  type Vector,
} from "@hessonite/core";
import { afterAll, describe, expect, it } from "vitest";
import { mlp } from "../testing.ts";
import { loadCurvature, saveCurvature } from "./artefact.ts";
import { measureCurvature } from "./measure.ts";
import { mergeByCurvature } from "./mergeByCurvature.ts";
import { predictedRise } from "./rise.ts";
import { curvatureKinds, type TaskCurvature } from "./task.ts";

const stream = randomStream(21, "artefacts");
const normals = (rows: number, columns: number): number[][] =>
  Array.from({ length: rows }, () => Array.from({ length: columns }, () => Math.fround(stream.normal())));
const folder = await mkdtemp(join(tmpdir(), "hessonite-artefacts-"));
const problems: Problem[] = [];
for (const rows of [9, 14, 11]) {
  const layers = [2, 3].map((width) => ({ weight: normals(3, width), bias: normals(1, 3)[0] ?? [] }));
  problems.push(
    await createProblem({
      model: await mlp(layers),
      data: datasetFromArrays(
        { inputs: { h0: normals(rows, 2) }, target: Array.from({ length: rows }, () => stream.integer(3)) },
        { batchSize: 4 },
      ),
      loss: crossEntropy(),
      engine: referenceEngine(),
    }),
  );
}
afterAll(async () => {
  for (const problem of problems) await problem[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

const inputs = { h0: [2] };
const provenance = { data: "", lossName: "cross-entropy", inputs };

async function throughFile(task: TaskCurvature, changes: object = {}): Promise<TaskCurvature> {
  const path = join(folder, `${task.name}-${task.kind}.safetensors`);
  await saveCurvature(path, task, provenance);
  const { name, space, values } = task;
  return loadCurvature(path, { name, space, values, lossName: "cross-entropy", inputs, ...changes });
}

function expectNear(found: Vector, expected: Vector, tolerance = 1e-10): void {
  const scale = Math.hypot(...expected);
  expect(Math.hypot(...found.map((x, k) => x - (expected[k] ?? 0))) / scale).toBeLessThan(tolerance);
}

const exact = { anchor: { damping: 1e-2, relative: true }, relativeTolerance: 1e-13, maxIterations: 300 };

describe("curvature in files", () => {
  it.each(curvatureKinds)("%s: the same quadratic, gradient and merge as from data", async (kind) => {
    const measured = await Promise.all(
      problems.map((problem, i) => measureCurvature(problem, { name: `${i}`, kind, prior: 0.25 })),
    );
    const read = await Promise.all(measured.map((task) => throughFile(task)));
    for (const [i, task] of read.entries()) {
      const original = measured[i];
      if (!original) continue;
      expectNear(await toDense(task.metric), await toDense(original.metric));
      const elsewhere = original.values.map((x, k) => x + Math.sin(k));
      const [own, other] = [await predictedRise(task, elsewhere), await predictedRise(original, elsewhere)];
      expect(own.total).toBeCloseTo(other.total, 12);
      expect([task.rows, task.loss, task.prior]).toEqual([original.rows, original.loss, 0.25]);
    }
    expectNear((await mergeByCurvature(read, exact)).values, (await mergeByCurvature(measured, exact)).values);
  });

  it.each(curvatureKinds)(
    "%s: adding a task is one solve with its file, removing it gives back the merge",
    async (kind) => {
      const [a, b, c] = await Promise.all(
        problems.map(async (problem, i) => throughFile(await measureCurvature(problem, { name: `${i}`, kind }))),
      );
      if (!a || !b || !c) return;
      const two = await mergeByCurvature([a, b], exact);
      const three = await mergeByCurvature([a, b, c], exact);
      expect(Math.hypot(...three.values.map((x, k) => x - (two.values[k] ?? 0)))).toBeGreaterThan(1e-3);
      const without = [a, b, c].filter(({ name }) => name !== "2");
      expectNear((await mergeByCurvature(without, exact)).values, two.values);
      // Measured by somebody who never knew the third.
      const never = await Promise.all(
        problems.slice(0, 2).map((problem, i) => measureCurvature(problem, { name: `${i}`, kind })),
      );
      expectNear(two.values, (await mergeByCurvature(never, exact)).values);
    },
  );

  it("says what an artefact does not fit", async () => {
    const [problem] = problems;
    if (!problem) return;
    const task = await measureCurvature(problem, { name: "0", kind: "diagonal" });
    const wider = { inputs: { h0: [5] } };
    await expect(throughFile(task, wider)).rejects.toThrow(
      /made with another shape of input "h0"\n {2}at .*safetensors\n {2}expected {2}\[5\]\n {2}found {5}\[2\]/,
    );
    await expect(throughFile(task, { lossName: "mse" })).rejects.toThrow("made with another loss");
    const moved = task.values.map((x) => x + 1);
    await expect(throughFile(task, { values: moved })).rejects.toThrow("made with another model");
    const whole = await measureCurvature(problem, { name: "0", kind: "ggn" });
    const small = saveCurvature(join(folder, "x"), whole, provenance, { memory: 100 });
    await expect(small).rejects.toThrow("its matrix is larger than the memory");
  });
});
