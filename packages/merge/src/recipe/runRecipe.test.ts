import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  accuracy,
  createHost,
  createProblem,
  crossEntropy,
  datasetFromFile,
  ortNodeEngine,
  readModel,
} from "@hessonite/core";
import { afterAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { saveCurvature } from "../curvature/artefact.ts";
import { measureCurvature } from "../curvature/measure.ts";
import { merge } from "../plugin.ts";
import { mergeResult } from "../report/result.ts";
import { type Recipe, validRecipe } from "./recipe.ts";
import { runRecipe } from "./runRecipe.ts";

const digits = fileURLToPath(new URL("../../testdata/digits/", import.meta.url));
const folder = await mkdtemp(join(tmpdir(), "hessonite-merge-"));
const engine = ortNodeEngine({ threads: 1 });
afterAll(async () => {
  await engine[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

const scaled = (file: string): object => ({ file, scale: "1/16" });

function recipeOf(method: string, changes: object = {}, models: object = {}): Recipe {
  const model = (name: string): object => ({
    model: `${name}-0.onnx`,
    data: scaled(`train-${name}.npz`),
    held_out: scaled(`valid-${name}.npz`),
    ...models,
  });
  return validRecipe(
    { merge_method: method, models: [model("a"), model("b")], base_model: "base-0.onnx", ...changes },
    "test",
  );
}

async function testAccuracy(path: string): Promise<number> {
  const model = await readModel(path);
  const data = await datasetFromFile(join(digits, "test.npz"), {
    modelInputs: [{ name: "x", dtype: "float32", shape: [null, 64] }],
    scale: 1 / 16,
    batchSize: 256,
  });
  await using problem = await createProblem({ model, data, loss: crossEntropy(), engine });
  return (await accuracy(problem)) ?? 0;
}

describe("align", () => {
  const apart = (seed: number): string =>
    fileURLToPath(new URL(`../../../laplace/testdata/digits/mlp-${seed}.onnx`, import.meta.url));
  const recipe = (changes: object): Recipe =>
    validRecipe({ merge_method: "average", models: [{ model: apart(0) }, { model: apart(1) }], ...changes }, "test");

  it("makes the average of networks that were trained apart a classifier", async () => {
    const accuracies: number[] = [];
    for (const align of [false, true]) {
      const output = join(folder, `apart-${align}.onnx`);
      const { result } = await runRecipe(recipe({ align }), { folder: digits, engine, output });
      accuracies.push(await testAccuracy(output));
      if (align)
        expect(result.notes).toContainEqual(expect.stringMatching(/^mlp-1\.onnx: \d+ of 100 hidden units moved/));
    }
    const [plain = 1, aligned = 0] = accuracies;
    expect(aligned).toBeGreaterThan(plain + 0.15);
  });

  it("is refused where parts of the recipe speak of the models as they are", async () => {
    const heads = recipe({ align: true, heads: ["fc3.*"] });
    await expect(runRecipe(heads, { folder: digits, engine })).rejects.toThrow(/found +heads/);
    const anchored = recipe({ align: true, parameters: { anchor: { model: apart(2) } } });
    await expect(runRecipe(anchored, { folder: digits, engine })).rejects.toThrow(/an anchor of its own/);
  });
});

describe("runRecipe", () => {
  it("compares methods, writes the best, and says what it did to each task", async () => {
    const output = join(folder, "merged.onnx");
    const { result } = await runRecipe(recipeOf("average"), {
      folder: digits,
      engine,
      output,
      compare: ["regmean", "kfac", "function"],
    });
    expect(mergeResult.parse(result)).toEqual(result);
    expect(result.compared.map(({ method }) => method)).toEqual([
      "function",
      expect.any(String),
      expect.any(String),
      "average",
    ]);
    expect(result.method).toBe("function");
    expect(result.judged).toBe("held-out");
    expect(result.match?.after).toBeLessThan(0.5 * (result.match?.before ?? 0));
    // On digits of all ten classes, which no task has seen: the average has 91.7 %.
    expect(await testAccuracy(output)).toBeGreaterThan(0.965);
    expect(parse(await readFile(join(folder, "merged.recipe.yaml"), "utf8"))).toMatchObject({
      merge_method: "function",
    });
    const [original, written] = await Promise.all([readFile(join(digits, "a-0.onnx")), readFile(output)]);
    expect(written.subarray(original.length).includes("hessonite.merge")).toBe(true);
    const end = result.lines.find(({ to }) => to === "b-0");
    expect(end?.losses[1]?.at(-1)).toBeLessThan(end?.losses[0]?.at(-1) ?? 0);
  });

  it("predicts rises, flags those outside the quadratic's range, and chooses damping inside its grid", async () => {
    const { result } = await runRecipe(recipeOf("kfac"), { folder: digits, engine });
    expect(result.damping?.chosenBy).toBe("held-out data");
    const values = result.damping?.curve.map(({ value }) => value) ?? [];
    expect(Math.max(...values)).toBe(
      result.damping?.curve.find(({ damping }) => damping === result.damping?.relative)?.value,
    );
    for (const { predicted, measured, outside, conflict } of result.rises) {
      const ratio = (measured ?? 0) / predicted;
      expect(outside).toBe(ratio > 2 || ratio < 0.5);
      expect(conflict.length).toBe(result.layers.length);
      expect(conflict.reduce((sum, x) => sum + x, 0)).toBeCloseTo(1, 6);
    }
    expect(result.objective?.value).toBeGreaterThan(0);
  });

  it("without held-out rows goes by the evidence and says so", async () => {
    const { result } = await runRecipe(recipeOf("fisher", {}, { held_out: undefined }), { folder: digits, engine });
    expect(result.damping?.chosenBy).toBe("evidence");
    expect(result.notes.join()).toContain("evidence");
    expect(result.judged).toBe("data");
  });

  it("takes artefacts in place of data, and refuses those of another model, loss or shape", async () => {
    for (const name of ["a", "b"]) {
      const model = await readModel(join(digits, `${name}-0.onnx`));
      const data = await datasetFromFile(join(digits, `train-${name}.npz`), {
        modelInputs: [{ name: "x", dtype: "float32", shape: [null, 64] }],
        scale: 1 / 16,
        batchSize: 256,
      });
      await using problem = await createProblem({ model, data, loss: crossEntropy(), engine });
      for (const kind of ["kfac", "ekfac", "regmean", "diagonal"] as const) {
        const curvature = await measureCurvature(problem, { name, kind });
        await saveCurvature(join(folder, `${name}-${kind}.safetensors`), curvature, {
          data: "",
          lossName: "cross-entropy",
          inputs: { x: [64] },
        });
      }
    }
    const fixed = { parameters: { damping: 0.01 } };
    const methods = { kfac: "kfac", ekfac: "ekfac", regmean: "regmean", diagonal: "fisher" } as const;
    for (const [kind, method] of Object.entries(methods)) {
      const fromData = await runRecipe(recipeOf(method, fixed), { folder: digits, engine });
      const recipe = recipeOf(method, fixed, { data: undefined });
      const models = recipe.models.map((entry, i) => ({
        ...entry,
        curvature: join(folder, `${"ab"[i]}-${kind}.safetensors`),
      }));
      const { values } = await runRecipe({ ...recipe, models }, { folder: digits, engine });
      const distance = Math.hypot(...values.map((x, k) => x - (fromData.values[k] ?? 0))) / Math.hypot(...values);
      expect(distance).toBeLessThan(1e-4);
      const swapped = {
        ...recipe,
        models: models.map((entry) => ({ ...entry, curvature: join(folder, `a-${kind}.safetensors`) })),
      };
      await expect(runRecipe(swapped, { folder: digits, engine })).rejects.toThrow("made with another model");
      await expect(runRecipe({ ...recipe, models, loss: "mse" }, { folder: digits, engine })).rejects.toThrow(
        "made with another loss",
      );
    }
    const mislabelled = recipeOf("ggn", fixed, { data: undefined });
    const ofKfac = mislabelled.models.map((entry, i) => ({
      ...entry,
      curvature: join(folder, `${"ab"[i]}-kfac.safetensors`),
    }));
    await expect(runRecipe({ ...mislabelled, models: ofKfac }, { folder: digits, engine })).rejects.toThrow(
      "of another kind than the method's",
    );
    const recipe = recipeOf("kfac", fixed, { data: undefined, curvature: join(digits, "test.npz") });
    await expect(runRecipe(recipe, { folder: digits, engine })).rejects.toThrow("no curvature artefact");
  });

  it("keeps heads apart on request: one file a task, the trunk merged", async () => {
    const output = join(folder, "trunk.onnx");
    const recipe = recipeOf("regmean", { heads: ["fc2.*"], parameters: { damping: 0.01 } });
    const { space } = await runRecipe(recipe, { folder: digits, engine, output });
    expect(space.parameters.map(({ name }) => name)).toEqual(["fc0.weight", "fc0.bias", "fc1.weight", "fc1.bias"]);
    const [a, b, own] = await Promise.all(
      [join(folder, "trunk-a-0.onnx"), join(folder, "trunk-b-0.onnx"), join(digits, "b-0.onnx")].map(readModel),
    );
    const read = (model: typeof a, name: string): unknown => model?.initializers.get(name)?.read().data;
    expect(read(a, "fc0.weight")).toEqual(read(b, "fc0.weight"));
    expect(read(b, "fc2.weight")).toEqual(read(own, "fc2.weight"));
    expect(read(b, "fc0.weight")).not.toEqual(read(own, "fc0.weight"));
  });

  it("matches functions with every task's own head", async () => {
    const recipe = recipeOf("function", { heads: ["fc2.*"] });
    const { result } = await runRecipe(recipe, { folder: digits, engine, compare: ["average"] });
    const [best, average] = result.compared;
    expect([best?.method, average?.method]).toEqual(["function", "average"]);
    expect(best?.mean).toBeLessThan(0.9 * (average?.mean ?? 0));
    expect(result.match?.after).toBeLessThan(0.7 * (result.match?.before ?? 0));
  });

  it("chooses anchor, task weights and layers on held-out rows, of the model that results", async () => {
    const choose = ["damping", "anchor", "weights", "layers"];
    const { result } = await runRecipe(recipeOf("kfac", { choose }), { folder: digits, engine });
    expect(result.layers).toEqual(["fc0", "fc1", "fc2"]);
    expect(result.choices.map(({ what, of }) => `${what} ${of}`)).toEqual([
      "anchor ",
      "weights b-0",
      "layers fc0",
      "layers fc1",
      "layers fc2",
    ]);
    for (const { curve, chosen, by } of result.choices) {
      expect(by).toBe("held-out data");
      const best = Math.max(...curve.map(({ value }) => value));
      expect(curve.find(({ at }) => at === chosen)?.value).toBe(best);
    }
    // The last choice's criterion is minus the loss that the report measures.
    const last = result.choices.at(-1);
    expect(-(last?.curve.find(({ at }) => at === last.chosen)?.value ?? 0)).toBeCloseTo(
      result.compared[0]?.mean ?? 0,
      5,
    );
    const worst = { choose, select: "worst" };
    const { result: fairer } = await runRecipe(recipeOf("task_arithmetic", worst), { folder: digits, engine });
    const end = fairer.choices.at(-1);
    const criterion = -(end?.curve.find(({ at }) => at === end.chosen)?.value ?? 0);
    expect(criterion).toBeCloseTo(fairer.compared[0]?.worst ?? 0, 5);
  });

  // RegMean's quadratic is of layers' outputs: it predicts no loss
  it.each(["average", "regmean"])("predicts rises of %s by the exact GGN", async (method) => {
    const { result } = await runRecipe(recipeOf(method), { folder: digits, engine });
    expect(result.rises.map(({ by }) => by)).toEqual(["ggn", "ggn"]);
    for (const { predicted, measured, conflict } of result.rises) {
      expect(predicted).toBeGreaterThan(0);
      expect(measured).toBeGreaterThan(0);
      expect(conflict.reduce((sum, x) => sum + x, 0)).toBeCloseTo(1, 6);
    }
  });

  it("runs as a plugin", async () => {
    await using host = createHost({ engine });
    const { compared } = await host.run(merge, {
      inputs: { recipe: recipeOf("average") },
      options: { folder: digits },
    });
    expect(compared.map(({ method }) => method)).toEqual(["average"]);
    await expect(host.run(merge, { inputs: { recipe: join(folder, "none.yaml") } })).rejects.toThrow(
      "the recipe cannot be opened",
    );
  });

  it("needs what the method needs", async () => {
    const run = (recipe: Recipe): Promise<unknown> => runRecipe(recipe, { folder: digits, engine });
    await expect(run(recipeOf("ties", { base_model: undefined }))).rejects.toThrow("the method needs the base model");
    await expect(run(recipeOf("ggn", {}, { data: undefined }))).rejects.toThrow("a task has no data");
    await expect(run(recipeOf("gradient-matching"))).rejects.toThrow("the base model or its data are missing");
    const byLayer = recipeOf("kfac", {}, { parameters: { weight: [0, 1] } });
    await expect(run(byLayer)).rejects.toThrow("kfac takes one weight a task");
    const other = fileURLToPath(new URL("../../../../testdata/mnist/digits-cnn.onnx", import.meta.url));
    const recipe = recipeOf("average");
    await expect(
      run({ ...recipe, models: [...recipe.models, { model: other }] }),
    ).rejects.toThrowErrorMatchingInlineSnapshot(`
      [MismatchError: Cannot merge models as their graphs differ
        at        node 0 of digits-cnn
        expected  Gemm(x, fc0.weight, fc0.bias) → fc0 {"transB":1} as in a-0
        found     Conv(x, conv1.weight, conv1.bias) → /conv1/Conv_output_0 {"dilations":[1,1],"group":1,"kernel_shape":[3,3],"pads":[1,1,1,1],"strides":[1,1]}]
    `);
  });
});
