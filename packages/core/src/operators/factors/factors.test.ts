import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { readCase } from "../../conformance/case.ts";
import { referenceEngine } from "../../engine/reference/engine.ts";
import { expectClose } from "../../testing/expectClose.ts";
import { toDense } from "../dense.ts";
import { ekfac } from "../ekfac.ts";
import { ggn } from "../ggn.ts";
import { kfac } from "../kfac.ts";
import { createProblem, type Problem } from "../problem.ts";
import type { BlockShape } from "./blocks.ts";
import { kroneckerFactors } from "./kroneckerFactors.ts";

const folder = fileURLToPath(new URL("../../../testdata/conformance/", import.meta.url));
const engine = referenceEngine();

async function problemOf(name: string): Promise<Problem> {
  const { model, data, loss, parameters } = await readCase(`${folder}/${name}`, { exact: true });
  return createProblem({ model, data, loss, parameters, engine });
}

/** The entries of a dense matrix that lie within one of the blocks, zero elsewhere. */
function blockPart(dense: Float64Array, size: number, blocks: readonly Pick<BlockShape, "index">[]): Float64Array {
  const part = new Float64Array(dense.length);
  for (const { index } of blocks)
    for (const i of index) for (const j of index) part[i * size + j] = dense[i * size + j]!;
  return part;
}

const distance = (a: Float64Array, b: Float64Array): number =>
  Math.sqrt(a.reduce((sum, x, i) => sum + (x - b[i]!) ** 2, 0));

interface Description {
  readonly equalsBlockDiagonalGGN: readonly string[];
}

const exactCases = [
  "deeplin_mse_mean",
  "deeplin_share_reduce_mse_mean",
  "conv_expand_mse_mean",
  "conv_reduce_mse_sum",
  "onedatum_ce_mean",
  "onedatum_bce_sum",
  "tied_mixed_bias_mse_mean",
  "tied_same_module_bias1_mse_mean",
];

describe("KFAC", () => {
  it.each(exactCases)("equals the blocks of the GGN where theory says so: %s", async (name) => {
    await using problem = await problemOf(name);
    const { size } = problem.space;
    const truth = await toDense(ggn(problem));
    const { equalsBlockDiagonalGGN } = JSON.parse(readFileSync(`${folder}/${name}/case.json`, "utf8")) as Description;
    expect(equalsBlockDiagonalGGN.length).toBeGreaterThan(0);
    for (const key of equalsBlockDiagonalGGN) {
      const [, , approximation, bias] = key.split("/") as ["KFAC", string, "expand" | "reduce", "joint" | "separate"];
      const k = await kfac(problem, { fisher: "type-2", approximation, bias });
      expectClose(await toDense(k), blockPart(truth, size, k.factors.blocks), key);
    }
  });

  it("has a block for each group of a convolution, exact where the layers after it are linear in each channel", async () => {
    await using problem = await problemOf("conv_grouped_strided_dilated_mse_mean");
    const exact = await kfac(problem, { fisher: "type-2" });
    const averaged = await kfac(problem, { fisher: "type-2", groups: "average" });
    expect(exact.factors.blocks.map((block) => block.name)).toEqual([
      "0.weight+0.bias[0]",
      "0.weight+0.bias[1]",
      "3.weight+3.bias",
    ]);
    const { size } = problem.space;
    const truth = blockPart(await toDense(ggn(problem)), size, averaged.factors.blocks);
    expect(distance(await toDense(exact), truth)).toBeLessThan(distance(await toDense(averaged), truth));
  });

  it("knows its own trace, norm, diagonal, log-determinant and inverse", async () => {
    await using problem = await problemOf("mlp_ce_mean");
    const { size } = problem.space;
    const k = await kfac(problem);
    const dense = await toDense(k);
    const diagonal = Float64Array.from({ length: size }, (_, i) => dense[i * size + i]!);
    expectClose(await k.exact!.diagonal!(), diagonal, "diagonal");
    expectClose([await k.exact!.trace!()], [diagonal.reduce((a, b) => a + b, 0)], "trace");
    expectClose([await k.exact!.squaredFrobeniusNorm!()], [dense.reduce((sum, x) => sum + x * x, 0)], "squared norm");
    const inverse = await toDense(await k.inverse(0.1, "exact"));
    const product = Float64Array.from({ length: size * size }, (_, at) => {
      const [i, j] = [Math.floor(at / size), at % size];
      let sum = 0.1 * inverse[at]!;
      for (let l = 0; l < size; l++) sum += dense[i * size + l]! * inverse[l * size + j]!;
      return sum;
    });
    expectClose(
      product,
      Float64Array.from({ length: size * size }, (_, at) => Number(at % (size + 1) === 0)),
      "(K + δ)(K + δ)⁻¹ = I",
    );
  });

  it("takes the memory of factors that are needed no more", async () => {
    await using problem = await problemOf("mlp_ce_mean");
    const fresh = await kroneckerFactors(problem);
    const old = await kroneckerFactors(problem, { fisher: "mc" });
    const again = await kroneckerFactors(problem, { into: old });
    expect(again.blocks.every(({ g }, i) => g.data === old.blocks[i]!.g.data)).toBe(true);
    expect(again).toEqual(fresh);
  });

  it("refuses a damping that is not positive", async () => {
    await using problem = await problemOf("mlp_ce_mean");
    const k = await kfac(problem);
    await expect(k.inverse(0)).rejects.toThrowErrorMatchingInlineSnapshot(`
      [UsageError: Cannot invert with this damping as it is not a positive number
        found     0]
    `);
  });

  it("draws labels reproducibly: the error of the mean falls as one over the root of the samples", async () => {
    await using problem = await problemOf("mlp_ce_mean");
    const truth = await toDense(await kfac(problem, { fisher: "type-2" }));
    const errorOf = async (samples: number): Promise<number> => {
      let total = 0;
      for (let seed = 0; seed < 6; seed++)
        total += distance(await toDense(await kfac(problem, { fisher: "mc", samples, seed })), truth) ** 2;
      return Math.sqrt(total / 6);
    };
    const slope = Math.log((await errorOf(64)) / (await errorOf(4))) / Math.log(64 / 4);
    expect(slope).toBeGreaterThan(-0.75);
    expect(slope).toBeLessThan(-0.3);
    const once = await toDense(await kfac(problem, { fisher: "mc", samples: 2, seed: 5 }));
    expectClose(await toDense(await kfac(problem, { fisher: "mc", samples: 2, seed: 5 })), once, "the same seed");
  });
});

describe("EKFAC", () => {
  it.each(["mlp_ce_mean", "seq_ce_mean", "seq_mse_sum", "cnn_ce_mean"])(
    "is nearer to the blocks than KFAC, and has their trace: %s",
    async (name) => {
      await using problem = await problemOf(name);
      const { size } = problem.space;
      const [k, e] = [await kfac(problem), await ekfac(problem)];
      const blocks = blockPart(await toDense(ggn(problem)), size, e.blocks);
      expect(distance(await toDense(e), blocks)).toBeLessThanOrEqual(distance(await toDense(k), blocks));
      const trace = Float64Array.from({ length: size }, (_, i) => blocks[i * size + i]!).reduce((a, b) => a + b, 0);
      expectClose([await e.exact!.trace!()], [trace], "trace");
    },
  );

  it("differs between its conventions where a row has several loss terms, and only there", async () => {
    await using sequence = await problemOf("seq_ce_mean");
    const terms = await (await ekfac(sequence, { convention: "perTerm" })).exact!.trace!();
    const data = await (await ekfac(sequence, { convention: "perDatum" })).exact!.trace!();
    expect(Math.abs(terms - data)).toBeGreaterThan(1e-3 * terms);
    await using plain = await problemOf("mlp_ce_mean");
    const one = await toDense(await ekfac(plain, { convention: "perTerm" }));
    expectClose(await toDense(await ekfac(plain, { convention: "perDatum" })), one, "one term a row");
  });
});
