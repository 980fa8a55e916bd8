import { describe, expect, it } from "vitest";
import { datasetFromArrays } from "../../data/fromArrays.ts";
import { referenceEngine } from "../../engine/reference/engine.ts";
import { crossEntropy } from "../../loss/crossEntropy.ts";
import { ints, intsAttr, node, normalFloats, smallModel } from "../../testing/smallModels.ts";
import { createProblem, type Problem } from "../problem.ts";
import { factorRequest } from "./request.ts";

/** One linear layer on each position, classes in second place: [rows, classes, positions]. */
async function tagger(classes: number, positions: number): Promise<Problem> {
  const model = smallModel({ x: ["batch", positions, 2] }, { weight: normalFloats([2, classes], 1, "weight") }, [
    node("MatMul", ["x", "weight"], "logits"),
    node("Transpose", ["logits"], "f", { perm: intsAttr(0, 2, 1) }),
  ]);
  const inputs = { x: normalFloats([3, positions, 2], 2, "x") };
  const target = ints([3, positions], new Float64Array(3 * positions));
  const data = datasetFromArrays({ inputs, target }, { batchSize: 2 });
  return createProblem({ model, data, loss: crossEntropy(), engine: referenceEngine() });
}

describe("labels are expected exactly", () => {
  it.each([
    [16, 8],
    [128, 1],
  ])("up to 128 classes × positions: %i × %i", async (classes, positions) => {
    await using problem = await tagger(classes, positions);
    const { fisher, chosen } = factorRequest(problem, {});
    expect([fisher, chosen]).toEqual([{ fisher: "type-2" }, undefined]);
  });

  it.each([
    [43, 3],
    [129, 1],
  ])("beyond that drawn with a fixed seed, and said so: %i × %i", async (classes, positions) => {
    await using problem = await tagger(classes, positions);
    const { fisher, chosen } = factorRequest(problem, {});
    expect(fisher).toEqual({ fisher: "mc", samples: 1, seed: 0 });
    expect(chosen).toBe("129 classes × positions are more than 128: labels are drawn (1 a term, seed 0)");
    expect(factorRequest(problem, { fisher: "type-2" })).toMatchObject({ fisher: { fisher: "type-2" } });
  });
});
